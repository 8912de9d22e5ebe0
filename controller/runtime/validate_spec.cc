#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/node_attribute.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/convert_internal.h"
#include "controller/runtime/validate.h"
#include "controller/runtime/validate_internal.h"

namespace drover::controller {
namespace {

bool IsName(absl::string_view text, bool lower_only) {
  if (text.empty() || text.size() > 63 || !absl::ascii_isalnum(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto u = static_cast<unsigned char>(c);
    return c == '_' || c == '-' || (!lower_only && c == '.') ||
           (absl::ascii_isalnum(u) && !(lower_only && absl::ascii_isupper(u)));
  });
}

std::string PathOf(absl::string_view list, int index, const std::string& name) {
  return name.empty() ? absl::StrCat(list, "[", index, "]") : absl::StrCat(list, ".", name);
}

const v1::ServiceSpec* FindService(const v1::StackSpec& spec, const std::string& name) {
  for (const v1::ServiceSpec& service : spec.services()) {
    if (service.name() == name) {
      return &service;
    }
  }
  return nullptr;
}

template <typename List>
void CheckUnique(const List& list, absl::string_view what, Faults& faults) {
  std::set<std::string> seen;
  for (int i = 0; i < list.size(); ++i) {
    const std::string& name = list.Get(i).name();
    if (name.empty()) {
      Add(faults, absl::StrCat(what, "[", i, "].name"), "is empty; give it a name");
    } else if (!seen.insert(name).second) {
      Add(faults, absl::StrCat(what, ".", name), "appears twice; names must be unique");
    }
  }
}

void CheckFiles(const v1::StackSpec& spec, Faults& faults) {
  CheckUnique(spec.files(), "files", faults);
  for (int i = 0; i < spec.files_size(); ++i) {
    const v1::FileSpec& file = spec.files(i);
    const std::string path = PathOf("files", i, file.name());
    const absl::string_view prefix = file.secret() ? "secret/" : "config/";
    if (!absl::StartsWith(file.name(), prefix)) {
      Add(faults, path + ".name", absl::StrCat("must begin with \"", prefix, "\""));
    }
    if (!file.node_path().empty()) {
      if (!file.content().empty()) {
        Add(faults, path, "has content and nodePath; give one of them");
      }
      if (!absl::StartsWith(file.node_path(), "/")) {
        Add(faults, path + ".nodePath", "must be an absolute path on the node");
      }
    } else if (file.sha256() != Sha256Hex(file.content())) {
      Add(faults, path + ".sha256", "is not the SHA-256 of content in lower-case hex");
    }
  }
}

void CheckVolumesAndNetworks(const v1::StackSpec& spec, Faults& faults) {
  CheckUnique(spec.volumes(), "volumes", faults);
  for (const v1::VolumeSpec& volume : spec.volumes()) {
    if (volume.engine_name().empty()) {
      Add(faults, absl::StrCat("volumes.", volume.name(), ".engineName"), "is empty; give the engine's name");
    }
  }
  CheckUnique(spec.networks(), "networks", faults);
  for (const v1::NetworkSpec& network : spec.networks()) {
    if (network.engine_name().empty()) {
      Add(faults, absl::StrCat("networks.", network.name(), ".engineName"),
          "is empty; give the engine's name");
    }
  }
}

void CheckBehavior(const v1::ScalingBehavior& behavior, const std::string& path, Faults& faults) {
  if (!IsUsableDuration(behavior.stabilization()) || ToCore(behavior.stabilization()) > absl::Seconds(3600)) {
    Add(faults, path + ".stabilization", "must be 0 s to 3600 s");
  }
  for (int i = 0; i < behavior.policies_size(); ++i) {
    const v1::ScalingPolicy& policy = behavior.policies(i);
    const std::string at = absl::StrCat(path, ".policies[", i, "]");
    if (policy.replicas() == 0 && policy.percent() == 0) {
      Add(faults, at, "needs replicas or percent of at least 1");
    }
    const Duration period = ToCore(policy.period());
    if (!IsUsableDuration(policy.period()) || period < absl::Seconds(1) || period > absl::Seconds(1800)) {
      Add(faults, at + ".period", "must be 1 s to 1800 s");
    }
  }
}

constexpr Duration kMaxHold = absl::Minutes(10);
constexpr char kSignals[] = "cpu, memory, queue, in_flight, rate, latency, backlog or schedule";

void CheckMaxWait(const v1::QueueSignal& queue, const std::string& path, Faults& faults) {
  const Duration wait = ToCore(queue.max_wait());
  if (!IsUsableDuration(queue.max_wait()) || wait < absl::Milliseconds(100) || wait > absl::Hours(24)) {
    Add(faults, path + ".maxWait", "must be 100 ms to 24 h");
  }
}

// A queue has exactly one rule.
void CheckQueueRule(const v1::QueueSignal& queue, const std::string& path, Faults& faults) {
  const int rules =
      (queue.has_max_wait() ? 1 : 0) + (queue.per_replica() != 0 ? 1 : 0) + (queue.total() != 0 ? 1 : 0);
  if (rules > 1) {
    Add(faults, path, "has several of perReplica, total and maxWait; give one of them");
  }
  if (queue.has_max_wait()) {
    CheckMaxWait(queue, path, faults);
    return;
  }
  const bool total = queue.total() != 0;
  const double target = total ? queue.total() : queue.per_replica();
  if (!(target > 0) || target > 1e9) {
    Add(faults, absl::StrCat(path, total ? ".total" : ".perReplica"),
        absl::StrCat("must be above 0 and at most 1e9, was ", target));
  }
}

void CheckLatency(const v1::LatencySignal& latency, const std::string& path, Faults& faults) {
  if (!(latency.quantile() >= 0.5 && latency.quantile() < 1)) {
    Add(faults, path + ".quantile", "must be 0.5 to below 1, 0.95 for p95");
  }
  const Duration target = ToCore(latency.target());
  if (!IsUsableDuration(latency.target()) || target < absl::Milliseconds(1) || target > absl::Hours(1)) {
    Add(faults, path + ".target", "must be 1 ms to 1 h");
  }
}

void CheckSignal(const v1::StackSpec& spec, const v1::SignalSpec& signal, const std::string& path,
                 Faults& faults) {
  const auto positive = [&](double target, absl::string_view field) {
    if (!(target > 0) || target > 1e9) {
      Add(faults, absl::StrCat(path, ".", field),
          absl::StrCat("must be above 0 and at most 1e9, was ", target));
    }
  };
  switch (signal.source_case()) {
    case v1::SignalSpec::kCpu:
      return positive(signal.cpu().target_percent(), "cpu.targetPercent");
    case v1::SignalSpec::kMemory:
      return positive(signal.memory().target_percent(), "memory.targetPercent");
    case v1::SignalSpec::kQueue: {
      const v1::QueueSignal& queue = signal.queue();
      if (std::none_of(spec.queues().begin(), spec.queues().end(),
                       [&](const v1::QueueSpec& q) { return q.name() == queue.queue(); })) {
        Add(faults, path + ".queue.queue",
            absl::StrCat("no queue \"", queue.queue(), "\" in queues; name one of them"));
      }
      if (!(queue.activation() >= 0)) {
        Add(faults, path + ".queue.activation", "must not be negative");
      }
      return CheckQueueRule(queue, path + ".queue", faults);
    }
    case v1::SignalSpec::kInFlight:
      return positive(signal.in_flight().target(), "inFlight.target");
    case v1::SignalSpec::kRate:
      return positive(signal.rate().target(), "rate.target");
    case v1::SignalSpec::kBacklog:
      return positive(signal.backlog().target(), "backlog.target");
    case v1::SignalSpec::kLatency:
      return CheckLatency(signal.latency(), path + ".latency", faults);
    case v1::SignalSpec::kSchedule:
      return;  // PolicyFaults
    case v1::SignalSpec::SOURCE_NOT_SET:
      return Add(faults, path, absl::StrCat("is empty; give ", kSignals));
    default:
      return Add(faults, path, absl::StrCat("is not supported by this version; use ", kSignals));
  }
}

bool ByBalancer(const v1::AutoscaleSpec& scale) {
  return std::any_of(scale.signals().begin(), scale.signals().end(), [](const v1::SignalSpec& signal) {
    return signal.has_in_flight() || signal.has_rate() || signal.has_latency();
  });
}

bool IsBalanced(const v1::ServiceSpec& service) {
  return std::any_of(service.edges().begin(), service.edges().end(),
                     [](const v1::EdgeRoute& edge) { return edge.pull().empty(); }) ||
         std::any_of(service.ports().begin(), service.ports().end(), [](const v1::PortSpec& port) {
           return port.published() != 0 && !OnOwnHost(port) && port.protocol() != v1::PROTOCOL_UDP;
         });
}

// Requests that wait for a first replica.
void CheckHold(const v1::ServiceSpec& service, const std::string& path, bool queue, Faults& faults) {
  const v1::AutoscaleSpec& scale = service.autoscale();
  const bool zero = scale.has_hold() && IsUsableDuration(scale.hold()) && ToCore(scale.hold()) == Duration();
  if (!IsUsableDuration(scale.hold()) || ToCore(scale.hold()) > kMaxHold) {
    Add(faults, path + ".hold", "must be 0 (not at all) to 600 s");
  } else if (scale.has_hold() && !zero && !IsBalanced(service)) {
    Add(faults, path + ".hold", "is for requests through a load balancer; give ports or edges");
  } else if (zero && scale.min() == 0 && !queue && ByBalancer(scale)) {
    Add(faults, path + ".hold", "0 with min 0: what no balancer keeps waiting wakes nothing; leave it out");
  }
  if (scale.max_held() > 100000) {
    Add(faults, path + ".maxHeld", "must be at most 100000");
  }
}

void CheckAutoscale(const v1::StackSpec& spec, const v1::ServiceSpec& service, const std::string& path,
                    Faults& faults) {
  const v1::AutoscaleSpec& scale = service.autoscale();
  if (scale.max() == 0) {
    Add(faults, path + ".max", "is missing; it must be at least 1");
  } else if (scale.max() < scale.min()) {
    Add(faults, path + ".max", absl::StrCat("must be at least min (", scale.min(), "), was ", scale.max()));
  }
  if (scale.max() > 100000) {
    Add(faults, path + ".max", "must be at most 100000");
  }
  if (scale.signals().empty()) {
    Add(faults, path + ".signals", absl::StrCat("is empty; give at least one of ", kSignals));
  }
  bool queue = false;
  for (int i = 0; i < scale.signals_size(); ++i) {
    queue = queue || scale.signals(i).has_queue() || scale.signals(i).has_schedule();
    CheckSignal(spec, scale.signals(i), absl::StrCat(path, ".signals[", i, "]"), faults);
  }
  if (scale.min() == 0 && !scale.signals().empty() && !queue && !ByBalancer(scale)) {
    Add(faults, path + ".min",
        "0 needs a signal that shows work when nothing runs: in_flight, rate, latency, a queue or a "
        "schedule; "
        "give 1 or more");
  }
  CheckHold(service, path, queue, faults);
  if (ByBalancer(scale) && !IsBalanced(service)) {
    Add(faults, path + ".signals",
        "are measured by the load balancer, which does not lead to the service; give ports or edges");
  }
  const bool unlimited = std::any_of(service.edges().begin(), service.edges().end(),
                                     [](const v1::EdgeRoute& edge) { return edge.maxconn() == 0; });
  for (int i = 0; i < scale.signals_size(); ++i) {
    if (scale.signals(i).has_latency() && (unlimited || service.edges().empty())) {
      Add(faults, absl::StrCat(path, ".signals[", i, "].latency"),
          "counts the requests that wait in the balancer; give edges with maxconn");
    }
    if (scale.signals(i).has_backlog() && service.routed_ports().empty() && service.ports().empty()) {
      Add(faults, absl::StrCat(path, ".signals[", i, "].backlog"), "is that of a port; give routedPorts");
    }
  }
  CheckBehavior(scale.scale_up(), path + ".scaleUp", faults);
  CheckBehavior(scale.scale_down(), path + ".scaleDown", faults);
  if (scale.has_tolerance() && !(scale.tolerance() >= 0 && scale.tolerance() < 1)) {
    Add(faults, path + ".tolerance", "must be at least 0 and below 1, 0.1 for 10 %");
  }
  if (!IsUsableDuration(scale.idle())) {
    Add(faults, path + ".idle", "must not be negative");
  }
  if (!IsUsableDuration(scale.interval()) ||
      (scale.has_interval() && ToCore(scale.interval()) < absl::Milliseconds(100))) {
    Add(faults, path + ".interval", "must be at least 0.1 s");
  }
  if (scale.warm() != 0) {
    Add(faults, path + ".warm", "is not supported by this version; leave it out");
  }
  PolicyFaults(scale, path, faults);
  if (!service.local_data().empty()) {
    Add(faults, path,
        absl::StrCat("the service writes to \"", service.local_data(0),
                     "\", which exists on one node only (R7.1); mark the volume shared in x-volumes or "
                     "remove autoscale"));
  }
  if (service.has_task()) {
    Add(faults, path, "a task runs once; remove autoscale or task");
  }
}

void CheckDependencies(const v1::StackSpec& spec, const v1::ServiceSpec& service, const std::string& path,
                       Faults& faults) {
  for (int i = 0; i < service.depends_on_size(); ++i) {
    const v1::Dependency& dependency = service.depends_on(i);
    const std::string at = absl::StrCat(path, ".dependsOn[", i, "]");
    const v1::ServiceSpec* other = FindService(spec, dependency.service());
    if (other == nullptr) {
      if (!dependency.optional()) {
        Add(faults, at, absl::StrCat("no service \"", dependency.service(), "\" in this stack"));
      }
      continue;
    }
    if (other == &service) {
      Add(faults, at, "a service can't depend on itself");
    }
    if (dependency.condition() == v1::Dependency::COMPLETED_SUCCESSFULLY && !other->has_task()) {
      Add(faults, at,
          absl::StrCat("\"", other->name(),
                       "\" never completes; give it restart: \"no\" or use another condition"));
    }
  }
}

// Services that wait for each other would never start.
void CheckCycles(const v1::StackSpec& spec, Faults& faults) {
  std::set<std::string> done;
  bool progress = true;
  while (progress) {
    progress = false;
    for (const v1::ServiceSpec& service : spec.services()) {
      const bool free =
          std::all_of(service.depends_on().begin(), service.depends_on().end(), [&](const v1::Dependency& d) {
            return done.count(d.service()) > 0 || d.service() == service.name() ||
                   FindService(spec, d.service()) == nullptr;
          });
      if (free && done.insert(service.name()).second) {
        progress = true;
      }
    }
  }
  std::vector<std::string> waiting;
  for (const v1::ServiceSpec& service : spec.services()) {
    if (done.count(service.name()) == 0) {
      waiting.push_back(service.name());
    }
  }
  if (!waiting.empty()) {
    Add(faults, "services",
        absl::StrCat("depends_on goes in a circle among ", absl::StrJoin(waiting, ", "),
                     "; remove one of the dependencies"));
  }
}

void CheckReadyAndRestart(const v1::ServiceSpec& service, const std::string& path, Faults& faults) {
  if (service.has_ready()) {
    const v1::ReadyCheck& ready = service.ready();
    const uint32_t port = ready.has_http() ? ready.http().port() : ready.tcp().port();
    if (ready.check_case() == v1::ReadyCheck::CHECK_NOT_SET) {
      Add(faults, path + ".ready", "is empty; give http or tcp");
    } else if (!IsPort(port)) {
      Add(faults, path + ".ready.port", "must be 1 to 65535");
    }
    if (ready.has_http() && !absl::StartsWith(ready.http().path(), "/")) {
      Add(faults, path + ".ready.http.path", "must begin with /");
    }
    if (!IsUsableDuration(ready.interval()) || !IsUsableDuration(ready.timeout())) {
      Add(faults, path + ".ready", "interval and timeout must not be negative");
    }
  }
  if (!IsUsableDuration(service.restart().delay())) {
    Add(faults, path + ".restart.delay", "must not be negative");
  }
  if (service.has_task()) {
    if (!service.task().schedule().empty()) {
      Add(faults, path + ".task.schedule", "schedules are not supported by this version; leave it out");
    }
    if (!IsUsableDuration(service.task().timeout())) {
      Add(faults, path + ".task.timeout", "must not be negative");
    }
  }
}

void CheckPlacement(const v1::ServiceSpec& service, const std::string& path, Faults& faults) {
  for (int i = 0; i < service.constraints_size(); ++i) {
    if (const auto constraint = ParseConstraint(service.constraints(i)); !constraint.ok()) {
      Add(faults, absl::StrCat(path, ".constraints[", i, "]"), constraint.status().message());
    }
  }
  for (int i = 0; i < service.spread_over_size(); ++i) {
    if (const absl::Status spread = CheckSpread(service.spread_over(i)); !spread.ok()) {
      Add(faults, absl::StrCat(path, ".spreadOver[", i, "]"), spread.message());
    }
  }
  if (service.max_per_node() > 100000) {
    Add(faults, path + ".maxPerNode", "must be at most 100000");
  }
  if (!service.global()) {
    return;
  }
  const auto refuse = [&](bool when, const char* what) {
    if (when) {
      Add(faults, path + ".global",
          absl::StrCat("is one replica on every node, which does not go with ", what));
    }
  };
  refuse(service.has_autoscale(), "autoscale; leave one of them out");
  refuse(service.singleton(), "singleton; leave one of them out");
  refuse(service.has_task(), "a task; leave one of them out");
  refuse(service.replicas() > 0, "a number of replicas; leave replicas out");
  refuse(!service.container().container_name().empty(), "a container_name; leave it out");
}

// What holds for the number of replicas and where they may be.
void CheckCount(const v1::ServiceSpec& service, const std::string& path, Faults& faults) {
  const bool one_only = service.singleton() || (!service.local_data().empty() && !service.global()) ||
                        !service.container().container_name().empty();
  const uint32_t most = service.has_autoscale() ? service.autoscale().max() : service.replicas();
  if (one_only && most > 1 && !(service.has_autoscale() && !service.local_data().empty())) {
    const absl::string_view why = service.singleton()             ? "x-singleton"
                                  : !service.local_data().empty() ? "local data (R7.1)"
                                                                  : "a container_name";
    Add(faults, service.has_autoscale() ? path + ".autoscale.max" : path + ".replicas",
        absl::StrCat("a service with ", why, " can have one replica only, was ", most));
  }
  if (service.replicas() > 100000) {
    Add(faults, path + ".replicas", "must be at most 100000");
  }
  if (!service.worker().empty()) {
    Add(faults, path + ".worker",
        absl::StrCat("stop recipe \"", service.worker(),
                     "\" is not supported by this version; leave it out"));
  }
  if (service.reserved_cpu_milli() < 0) {
    Add(faults, path + ".reservedCpuMilli", "must not be negative");
  }
  if (service.reserved_memory_bytes() < 0) {
    Add(faults, path + ".reservedMemoryBytes", "must not be negative");
  }
}

}  // namespace

bool IsUsableDuration(const google::protobuf::Duration& duration) {
  return duration.seconds() >= 0 && duration.seconds() <= 315'576'000'000 && duration.nanos() >= 0 &&
         duration.nanos() < 1'000'000'000;
}

std::vector<std::string> SpecFaults(const v1::StackSpec& spec) {
  Faults faults;
  if (!IsName(spec.name(), /*lower_only=*/true)) {
    Add(faults, "name",
        absl::StrCat(
            "\"", spec.name(),
            "\" is no project name; use lower-case letters, digits, - and _, a letter or digit first, "
            "at most 63"));
  }
  if (spec.services().empty()) {
    Add(faults, "services", "is empty; a stack has at least one service");
  }
  CheckUnique(spec.services(), "services", faults);
  CheckUnique(spec.queues(), "queues", faults);
  QueueFaults(spec, faults);
  CheckVolumesAndNetworks(spec, faults);
  CheckFiles(spec, faults);
  Listeners listeners;
  for (int i = 0; i < spec.services_size(); ++i) {
    const v1::ServiceSpec& service = spec.services(i);
    const std::string path = PathOf("services", i, service.name());
    if (!service.name().empty() && !IsName(service.name(), /*lower_only=*/false)) {
      Add(faults, path + ".name", "use letters, digits, - _ and ., a letter or digit first, at most 63");
    }
    ContainerFaults(spec, service, path + ".container", faults);
    CheckCount(service, path, faults);
    CheckPlacement(service, path, faults);
    if (service.has_autoscale()) {
      CheckAutoscale(spec, service, path + ".autoscale", faults);
    }
    CheckPorts(service, path, listeners, faults);
    CheckReadyAndRestart(service, path, faults);
    CheckDependencies(spec, service, path, faults);
  }
  CheckCycles(spec, faults);
  return faults;
}

}  // namespace drover::controller
