#include "tests/sim/stack.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

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
  s.reserved_cpu = MilliCpu(500);
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

  ServiceSpec web = Service("web", versions);
  web.autoscale = Autoscale(2, 8, Signal(SignalSpec::Kind::kCpu, "", 60));
  web.replicas = 2;
  web.routed_ports = {8000};
  controller::ListenerSpec listener;
  listener.port = 8080;
  listener.target = 8000;
  listener.http = true;
  web.listeners.push_back(listener);

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

  stack.services = {worker, web, api, db, beat, migrate};
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
