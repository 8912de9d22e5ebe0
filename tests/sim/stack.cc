#include "tests/sim/stack.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/consumer.h"

namespace drover::sim {
namespace {

using controller::ServiceSpec;
using controller::SignalSpec;

ServiceSpec Service(const std::string& name, const Versions& versions) {
  const auto it = versions.find(name);
  ServiceSpec s;
  s.name = name;
  s.context = absl::StrCat(name, "#", it != versions.end() ? it->second : 1);
  s.spec_hash = s.context;
  s.image = absl::StrCat("shop/", s.context);
  s.image_id = absl::StrCat("sha256:", s.context);
  s.reserved_cpu = MilliCpu(250);
  s.reserved_memory = Bytes(256LL << 20);
  return s;
}

SignalSpec Signal(SignalSpec::Kind kind, const std::string& queue, double target) {
  SignalSpec signal;
  signal.kind = kind;
  signal.queue = queue;
  signal.target = target;
  return signal;
}

controller::AutoscaleSpec Autoscale(int64_t min, int64_t max, SignalSpec signal) {
  controller::AutoscaleSpec a;
  a.min = min;
  a.max = max;
  a.signals.push_back(std::move(signal));
  a.down.stabilization = absl::Seconds(60);
  return a;
}

controller::ListenerSpec Listener(uint32_t port, uint32_t maxconn) {
  controller::ListenerSpec listener;
  listener.port = port;
  listener.target = 8000;
  listener.http = true;
  listener.maxconn = maxconn;
  return listener;
}

// Behind the edges and a consumer that pulls, scaled by its CPU.
ServiceSpec Web(const Versions& versions) {
  ServiceSpec web = Service("web", versions);
  web.reserved_cpu = MilliCpu(500);
  web.autoscale = Autoscale(2, 8, Signal(SignalSpec::Kind::kCpu, "", 60));
  web.replicas = 2;
  web.routed_ports = {8000};
  web.listeners.push_back(Listener(8080, 0));
  controller::ListenerSpec pulled = Listener(0, 0);
  pulled.pull = kConsumer;
  pulled.pull_delay = kConsumerDelay;
  web.listeners.push_back(pulled);
  return web;
}

// Scaled by how long its requests take, and by the clock.
ServiceSpec Site(const Versions& versions) {
  ServiceSpec site = Service("site", versions);
  SignalSpec latency = Signal(SignalSpec::Kind::kLatency, "", 0);
  latency.latency = controller::LatencySpec{.quantile = 0.95, .target = absl::Milliseconds(500)};
  SignalSpec schedule = Signal(SignalSpec::Kind::kSchedule, "", 0);
  schedule.schedule = controller::ScheduleSpec{.start = *Cron::Parse("0 12 * * *"),
                                               .end = *Cron::Parse("30 13 * * *"),
                                               .zone = absl::UTCTimeZone(),
                                               .replicas = 3};
  site.autoscale = Autoscale(1, 5, latency);
  site.autoscale->signals.push_back(schedule);
  site.routed_ports = {8000};
  site.listeners.push_back(Listener(8081, 8));
  return site;
}

// To zero when nobody asks; the edges hold requests until one is ready.
ServiceSpec Lazy(const Versions& versions) {
  ServiceSpec lazy = Service("lazy", versions);
  lazy.autoscale = Autoscale(0, 4, Signal(SignalSpec::Kind::kInFlight, "", 8));
  lazy.autoscale->idle = absl::Seconds(60);
  lazy.autoscale->hold = absl::Seconds(30);
  lazy.replicas = 0;
  lazy.routed_ports = {8000};
  lazy.listeners.push_back(Listener(8082, 0));
  return lazy;
}

void Register(const ServiceSpec& spec, Registry& registry) {
  agent::ServiceContext& c = registry[spec.context];
  c.spec_hash = spec.spec_hash;
  c.stack = kStack;
  c.service = spec.name;
  c.context = spec.context;
  c.task = spec.task;
  c.singleton = spec.singleton;
  c.stop_grace = spec.stop_grace;
  c.has_ready_check = !spec.routed_ports.empty();
  c.has_healthcheck = spec.name == "api";
  if (spec.task) {
    c.restart = agent::ServiceContext::Restart::kOnFailure;
  }
}

}  // namespace

controller::StackSpec MakeStack(const Versions& versions, int64_t api_replicas, Registry& registry) {
  controller::StackSpec stack;
  stack.name = kStack;

  ServiceSpec worker = Service("worker", versions);
  worker.autoscale = Autoscale(1, 10, Signal(SignalSpec::Kind::kQueue, "jobs", 10));
  worker.stop_grace = absl::Seconds(30);

  ServiceSpec api = Service("api", versions);
  api.replicas = api_replicas;

  ServiceSpec db = Service("db", versions);
  db.local_data = {"pg"};
  db.stop_first = true;

  ServiceSpec beat = Service("beat", versions);
  beat.singleton = true;
  beat.stop_first = true;

  ServiceSpec migrate = Service("migrate", versions);
  migrate.task = true;

  stack.services = {worker, Web(versions), api, db, beat, migrate, Site(versions), Lazy(versions)};
  std::sort(stack.services.begin(), stack.services.end(),
            [](const ServiceSpec& a, const ServiceSpec& b) { return a.name < b.name; });
  for (const ServiceSpec& spec : stack.services) {
    Register(spec, registry);
  }
  controller::QueueSpec queue;
  queue.name = "jobs";
  queue.probe = "jobs";
  stack.queues.push_back(queue);
  return stack;
}

}  // namespace drover::sim
