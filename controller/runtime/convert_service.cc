#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "common/cron.h"
#include "common/node_attribute.h"
#include "controller/core/autoscale/hpa.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/convert_internal.h"
#include "drover/v1/agent.pb.h"

namespace drover::controller {
namespace {

using Policy = AutoscaleSpec::Policy;

constexpr Duration kDefaultHold = absl::Seconds(30);

Policy TranslatePolicy(const std::string& policy) {
  if (policy == "hpa") {
    return Policy::kHpa;
  }
  if (policy == "kpa") {
    return Policy::kKpa;
  }
  return policy == "keda" ? Policy::kKeda : Policy::kDrover;
}

// Checked by validate; what cannot be read here was stored by another version: no schedule.
std::optional<ScheduleSpec> Translate(const v1::ScheduleSignal& schedule) {
  absl::StatusOr<Cron> start = Cron::Parse(schedule.start());
  absl::StatusOr<Cron> end = Cron::Parse(schedule.end());
  const absl::StatusOr<absl::TimeZone> zone = FindTimeZone(schedule.time_zone());
  if (!start.ok() || !end.ok() || !zone.ok()) {
    return std::nullopt;
  }
  return ScheduleSpec{
      .start = *std::move(start), .end = *std::move(end), .zone = *zone, .replicas = schedule.replicas()};
}

FallbackSpec Translate(const v1::FallbackSpec& fallback) {
  FallbackSpec out;
  out.failure_threshold = fallback.failure_threshold();
  out.replicas = fallback.replicas();
  if (fallback.behavior() == v1::FallbackSpec::CURRENT_REPLICAS) {
    out.behavior = FallbackSpec::Behavior::kCurrent;
  } else if (fallback.behavior() == v1::FallbackSpec::CURRENT_REPLICAS_IF_HIGHER) {
    out.behavior = FallbackSpec::Behavior::kCurrentIfHigher;
  } else if (fallback.behavior() == v1::FallbackSpec::CURRENT_REPLICAS_IF_LOWER) {
    out.behavior = FallbackSpec::Behavior::kCurrentIfLower;
  }
  return out;
}

SignalSpec Translate(const v1::SignalSpec& signal) {
  SignalSpec out;
  switch (signal.source_case()) {
    case v1::SignalSpec::kMemory:
      out.kind = SignalSpec::Kind::kMemory;
      out.target = signal.memory().target_percent();
      break;
    case v1::SignalSpec::kQueue:
      out.kind = SignalSpec::Kind::kQueue;
      out.queue = signal.queue().queue();
      out.of_total = signal.queue().total() > 0;
      out.target = out.of_total ? signal.queue().total() : signal.queue().per_replica();
      out.activation = signal.queue().activation();
      if (signal.queue().has_max_wait()) {
        out.max_wait = ToCore(signal.queue().max_wait());
      }
      break;
    case v1::SignalSpec::kInFlight:
      out.kind = SignalSpec::Kind::kInFlight;
      out.target = signal.in_flight().target();
      break;
    case v1::SignalSpec::kRate:
      out.kind = SignalSpec::Kind::kRate;
      out.target = signal.rate().target();
      break;
    case v1::SignalSpec::kLatency:
      out.kind = SignalSpec::Kind::kLatency;
      out.latency =
          LatencySpec{.quantile = signal.latency().quantile(), .target = ToCore(signal.latency().target())};
      break;
    case v1::SignalSpec::kBacklog:
      out.kind = SignalSpec::Kind::kBacklog;
      out.target = signal.backlog().target();
      break;
    case v1::SignalSpec::kSchedule:
      out.kind = SignalSpec::Kind::kSchedule;
      out.schedule = Translate(signal.schedule());
      break;
    case v1::SignalSpec::kForecast:
      out.kind = SignalSpec::Kind::kForecast;
      break;
    case v1::SignalSpec::kExternal:
      out.kind = SignalSpec::Kind::kExternal;
      out.target = signal.external().target();
      break;
    case v1::SignalSpec::kCpu:
    case v1::SignalSpec::SOURCE_NOT_SET:
      out.kind = SignalSpec::Kind::kCpu;
      out.target = signal.cpu().target_percent();
      break;
  }
  return out;
}

// What is not written is that of `defaults`.
ScalingRules Translate(const v1::ScalingBehavior& behavior, const ScalingRules& defaults) {
  ScalingRules out;
  out.stabilization =
      behavior.has_stabilization() ? ToCore(behavior.stabilization()) : defaults.stabilization;
  if (behavior.select() == v1::ScalingBehavior::MIN) {
    out.select = ScalingRules::Select::kMin;
  } else if (behavior.select() == v1::ScalingBehavior::DISABLED) {
    out.select = ScalingRules::Select::kDisabled;
  }
  if (behavior.has_tolerance()) {
    out.tolerance = behavior.tolerance();
  }
  if (behavior.policies().empty()) {
    out.policies = defaults.policies;
  }
  for (const v1::ScalingPolicy& policy : behavior.policies()) {
    const bool percent = policy.amount_case() == v1::ScalingPolicy::kPercent;
    out.policies.push_back({.unit = percent ? RatePolicy::Unit::kPercent : RatePolicy::Unit::kReplicas,
                            .amount = percent ? policy.percent() : policy.replicas(),
                            .period = ToCore(policy.period())});
  }
  return out;
}

// A promise knows itself how long to keep what: no window unless one is written.
ScalingRules DroverDefaultDown(const std::vector<SignalSpec>& signals) {
  const bool only_promises = std::all_of(signals.begin(), signals.end(), [](const SignalSpec& signal) {
    return signal.max_wait || signal.latency || signal.schedule;
  });
  return only_promises ? ScalingRules() : AutoscaleSpec().down;
}

// Without a word of the user's: where requests that wait at zero are what ends the zero.
Duration HoldOf(const v1::AutoscaleSpec& scale, const AutoscaleSpec& out) {
  if (scale.has_hold()) {
    return ToCore(scale.hold());
  }
  const bool wakes = std::any_of(out.signals.begin(), out.signals.end(),
                                 [](const SignalSpec& signal) { return IsOfBalancer(signal.kind); });
  return out.min == 0 && wakes ? kDefaultHold : absl::ZeroDuration();
}

AutoscaleSpec Translate(const v1::AutoscaleSpec& scale) {
  AutoscaleSpec out;
  out.min = scale.min();
  out.max = scale.max();
  for (const v1::SignalSpec& signal : scale.signals()) {
    out.signals.push_back(Translate(signal));
  }
  out.policy = TranslatePolicy(scale.policy());
  const bool hpa = out.policy == Policy::kHpa || out.policy == Policy::kKeda;
  out.up = Translate(scale.scale_up(), hpa ? HpaDefaultUp() : AutoscaleSpec().up);
  // The KPA has no window unless one is written; that is its scale-down delay.
  out.down = Translate(scale.scale_down(), hpa                          ? HpaDefaultDown()
                                           : out.policy == Policy::kKpa ? ScalingRules()
                                                                        : DroverDefaultDown(out.signals));
  if (scale.has_fallback()) {
    out.fallback = Translate(scale.fallback());
  }
  if (scale.has_idle_replicas()) {
    out.idle_replicas = scale.idle_replicas();
  }
  if (scale.has_tolerance()) {
    out.tolerance = scale.tolerance();
  }
  if (scale.has_idle()) {
    out.idle = ToCore(scale.idle());
  }
  if (scale.has_interval()) {
    out.interval = ToCore(scale.interval());
  }
  out.hold = HoldOf(scale, out);
  if (scale.max_held() != 0) {
    out.max_held = scale.max_held();
  }
  out.dry_run = scale.dry_run();
  out.source = Deterministic(scale);
  return out;
}

bool OnEdges(const v1::PortSpec& port) { return !OnOwnHost(port) && port.protocol() != v1::PROTOCOL_UDP; }

// Container ports that replicas publish on their node for balancers, ascending.
std::vector<uint32_t> RoutedPorts(const v1::ServiceSpec& service) {
  std::set<uint32_t> ports(service.routed_ports().begin(), service.routed_ports().end());
  for (const v1::PortSpec& port : service.ports()) {
    if (OnEdges(port)) {
      ports.insert(port.target());
    }
  }
  for (const v1::EdgeRoute& edge : service.edges()) {
    if (edge.target() != 0) {
      ports.insert(edge.target());
    }
  }
  return {ports.begin(), ports.end()};
}

// For what a consumer does after a fetch, and for requests in hand.
constexpr Duration kPullDelay = absl::Seconds(5);

TrafficSpec Traffic(const v1::EdgeRoute& edge) {
  TrafficSpec traffic;
  traffic.sticky = edge.sticky() == "cookie"   ? TrafficSpec::Sticky::kCookie
                   : edge.sticky() == "source" ? TrafficSpec::Sticky::kSource
                                               : TrafficSpec::Sticky::kNone;
  traffic.weight_label = edge.weight_label();
  traffic.check = edge.check();
  traffic.slow_start = ToCore(edge.slow_start());
  if (edge.has_timeout()) {
    traffic.timeout = ToCore(edge.timeout());
  }
  if (edge.has_drain_request()) {
    traffic.drain_request = ToCore(edge.drain_request());
  }
  if (edge.has_drain_tunnel()) {
    traffic.drain_tunnel = ToCore(edge.drain_tunnel());
  }
  return traffic;
}

// Several ways lead to one backend: what one of them says holds for all.
void ShareTraffic(std::vector<ListenerSpec>& listeners) {
  std::map<std::pair<uint32_t, std::string>, TrafficSpec> shared;
  for (const ListenerSpec& listener : listeners) {
    TrafficSpec& all = shared[{listener.target, listener.attach}];
    const TrafficSpec& one = listener.traffic;
    all.h2 = all.h2 || one.h2;
    all.sticky = one.sticky != TrafficSpec::Sticky::kNone ? one.sticky : all.sticky;
    all.check = one.check.empty() ? all.check : one.check;
    all.weight_label = one.weight_label.empty() ? all.weight_label : one.weight_label;
    all.slow_start = std::max(all.slow_start, one.slow_start);
    all.timeout = one.timeout != TrafficSpec().timeout ? one.timeout : all.timeout;
    all.drain_request = one.drain_request ? one.drain_request : all.drain_request;
    all.drain_tunnel = one.drain_tunnel ? one.drain_tunnel : all.drain_tunnel;
  }
  for (ListenerSpec& listener : listeners) {
    listener.traffic = shared.at({listener.target, listener.attach});
  }
}

std::vector<ListenerSpec> Listeners(const v1::ServiceSpec& service, const std::vector<uint32_t>& routed) {
  std::vector<ListenerSpec> out;
  for (const v1::PortSpec& port : service.ports()) {
    const bool refined =
        std::any_of(service.edges().begin(), service.edges().end(),
                    [&](const v1::EdgeRoute& edge) { return edge.listen() == port.published(); });
    if (port.published() == 0 || !OnEdges(port) || refined) {
      continue;
    }
    ListenerSpec listener;
    listener.bind = port.host_ip();
    listener.port = port.published();
    listener.target = port.target();
    listener.http = port.http();
    listener.traffic.h2 = port.h2();
    out.push_back(std::move(listener));
  }
  for (const v1::EdgeRoute& edge : service.edges()) {
    ListenerSpec listener;
    listener.port = edge.listen();
    listener.target = edge.target();
    if (listener.target == 0 && !routed.empty()) {
      listener.target = routed.front();
    }
    // What is said of its port is said of it.
    const auto says = [&](bool (v1::PortSpec::*what)() const) {
      return std::any_of(service.ports().begin(), service.ports().end(), [&](const v1::PortSpec& port) {
        return port.target() == listener.target && (port.*what)() && OnEdges(port);
      });
    };
    listener.http = !edge.host().empty() || !edge.path().empty() || edge.http() || says(&v1::PortSpec::http);
    listener.traffic = Traffic(edge);
    listener.traffic.h2 = edge.h2() || says(&v1::PortSpec::h2);
    listener.host = edge.host();
    listener.path = edge.path();
    listener.tls_path = edge.tls_path();
    listener.maxconn = edge.maxconn();
    listener.on.assign(edge.on().begin(), edge.on().end());
    listener.attach = edge.attach();
    listener.pull = edge.pull();
    if (!listener.pull.empty()) {
      listener.pull_delay = edge.has_delay() ? ToCore(edge.delay()) : kPullDelay;
    }
    out.push_back(std::move(listener));
  }
  ShareTraffic(out);
  return out;
}

template <typename List>
auto FindByEngineName(const List& list, const std::string& engine_name) {
  return std::find_if(list.begin(), list.end(),
                      [&](const auto& entry) { return entry.engine_name() == engine_name; });
}

// What every node that runs the service must know. Not in it: counts, policy, priority and
// listeners, whose change must not replace replicas, and the content of secrets (R1.6).
v1::ServiceContext Context(const v1::ServiceSpec& service, const v1::StackSpec& stack,
                           const std::vector<uint32_t>& routed) {
  v1::ServiceContext context;
  context.set_stack(stack.name());
  context.set_service(service.name());
  *context.mutable_container() = service.container();
  context.mutable_routed_ports()->Assign(routed.begin(), routed.end());
  if (service.has_ready()) {
    *context.mutable_ready() = service.ready();
  }
  if (service.has_restart()) {
    *context.mutable_restart() = service.restart();
  }
  context.set_task(service.has_task());
  context.set_singleton(service.singleton());
  context.set_worker(service.worker());
  context.set_sense_backlog(!routed.empty());
  std::set<std::string> volumes;
  for (const v1::Mount& mount : service.container().mounts()) {
    const auto volume = FindByEngineName(stack.volumes(), mount.source());
    if (mount.type() == v1::Mount::VOLUME && volume != stack.volumes().end() &&
        volumes.insert(mount.source()).second) {
      *context.add_volumes() = *volume;
    }
  }
  for (const v1::NetworkAttachment& attachment : service.container().networks()) {
    const auto network = FindByEngineName(stack.networks(), attachment.network());
    if (network != stack.networks().end()) {
      *context.add_networks() = *network;
    }
  }
  std::set<std::string> files;
  for (const v1::FileMount& mount : service.container().files()) {
    for (const v1::FileSpec& file : stack.files()) {
      if (file.name() != mount.file() || !files.insert(file.name()).second) {
        continue;
      }
      v1::FileDigest* digest = context.add_files();
      digest->set_name(file.name());
      digest->set_sha256(file.sha256());
      digest->set_secret(file.secret());
      digest->set_node_path(file.node_path());
      if (!file.secret()) {
        digest->set_content(file.content());
      }
    }
  }
  for (const v1::PortSpec& port : service.ports()) {
    if (OnOwnHost(port)) {
      *context.add_host_ports() = port;
    }
  }
  return context;
}

DependencySpec::Condition Translate(v1::Dependency::Condition condition) {
  switch (condition) {
    case v1::Dependency::HEALTHY:
      return DependencySpec::Condition::kHealthy;
    case v1::Dependency::COMPLETED_SUCCESSFULLY:
      return DependencySpec::Condition::kCompleted;
    default:
      return DependencySpec::Condition::kStarted;
  }
}

// With one replica's name, address or data there is no room for a second one beside it.
bool StopFirst(const v1::ServiceSpec& service) {
  const v1::ContainerSpec& container = service.container();
  const bool fixed_address = std::any_of(
      container.networks().begin(), container.networks().end(),
      [](const auto& network) { return !network.ipv4_address().empty() || !network.ipv6_address().empty(); });
  return service.update().order() == v1::UpdateSpec::STOP_FIRST || service.singleton() ||
         !service.local_data().empty() || !container.container_name().empty() || fixed_address;
}

void TranslateResources(const v1::ServiceSpec& service, ServiceSpec& out) {
  const v1::ContainerSpec& container = service.container();
  if (service.has_reserved_cpu_milli()) {
    out.reserved_cpu = MilliCpu(service.reserved_cpu_milli());
  } else if (container.limit_cpu_milli() > 0) {
    out.reserved_cpu = MilliCpu(container.limit_cpu_milli());
  }
  if (service.has_reserved_memory_bytes()) {
    out.reserved_memory = Bytes(service.reserved_memory_bytes());
  } else if (container.limit_memory_bytes() > 0) {
    out.reserved_memory = Bytes(container.limit_memory_bytes());
  }
}

void TranslatePlacement(const v1::ServiceSpec& service, ServiceSpec& out) {
  out.bin_pack = service.bin_pack();
  out.global = service.global();
  for (const std::string& text : service.constraints()) {
    // Checked by validate; what cannot be read was stored by another version, and no node meets it.
    Constraint constraint = ParseConstraint(text).value_or(Constraint{.attribute = text, .value = "?"});
    out.constraints.push_back({.key = std::move(constraint.attribute),
                               .equal = constraint.equal,
                               .value = std::move(constraint.value)});
  }
  out.spread_over.assign(service.spread_over().begin(), service.spread_over().end());
  out.max_per_node = service.max_per_node();
}

}  // namespace

bool OnOwnHost(const v1::PortSpec& port) {
  return port.host_mode() || absl::StartsWith(port.host_ip(), "127.") || port.host_ip() == "::1";
}

ServiceSpec TranslateService(const v1::ServiceSpec& service, const v1::StackSpec& stack) {
  ServiceSpec out;
  out.name = service.name();
  out.image = service.container().image();
  out.image_id = service.container().image_id();
  out.routed_ports = RoutedPorts(service);
  out.context = Deterministic(Context(service, stack, out.routed_ports));
  out.spec_hash = Sha256Hex(out.context).substr(0, 16);
  out.replicas = service.replicas();
  if (service.has_autoscale()) {
    out.autoscale = Translate(service.autoscale());
  }
  out.priority = service.priority();
  TranslateResources(service, out);
  out.listeners = Listeners(service, out.routed_ports);
  for (const v1::PortSpec& port : service.ports()) {
    if (OnOwnHost(port) && port.published() != 0) {
      out.host_ports.push_back(port.published());
    }
  }
  out.local_data.assign(service.local_data().begin(), service.local_data().end());
  out.singleton = service.singleton();
  out.task = service.has_task();
  out.before_rollout = service.task().when() == v1::TaskSpec::BEFORE_ROLLOUT;
  out.stop_first = StopFirst(service);
  TranslatePlacement(service, out);
  if (service.container().has_stop_grace_period()) {
    out.stop_grace = ToCore(service.container().stop_grace_period());
  }
  for (const v1::Dependency& dependency : service.depends_on()) {
    const bool known =
        std::any_of(stack.services().begin(), stack.services().end(),
                    [&](const v1::ServiceSpec& s) { return s.name() == dependency.service(); });
    if (known) {
      out.depends_on.push_back(
          {.service = dependency.service(), .condition = Translate(dependency.condition())});
    }
  }
  return out;
}

AutoscaleSpec ToCore(const v1::AutoscaleSpec& spec) { return Translate(spec); }

}  // namespace drover::controller
