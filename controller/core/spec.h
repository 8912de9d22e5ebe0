// What users declared, as far as deciding needs it. The container itself (image, command, mounts …)
// is opaque here: `context` is handed to agents as it is.
//
// runtime/convert makes these from proto/drover/v1/cluster.proto; every check of user input has been
// done before (compose/, runtime/validate), so the core only CHECKs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/cron.h"
#include "common/ids.h"
#include "common/time.h"
#include "common/units.h"

namespace drover::controller {

// So many replicas from each time of `start` to the next time of `end`.
struct ScheduleSpec {
  Cron start;
  Cron end;
  absl::TimeZone zone;
  int64_t replicas = 0;

  friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
};

// So many of the requests are answered in time, as far as more replicas can see to it.
struct LatencySpec {
  double quantile = 0.95;  // 0.5 to below 1
  Duration target;

  friend bool operator==(const LatencySpec&, const LatencySpec&) = default;
};

struct SignalSpec {
  enum class Kind {
    kCpu,
    kMemory,
    kQueue,
    kInFlight,
    kRate,
    kLatency,
    kBacklog,
    kSchedule,
    kForecast,
    kExternal
  };

  Kind kind = Kind::kCpu;
  std::string queue;  // kQueue: name in StackSpec::queues
  // cpu, memory: percent of the reservation; others: per replica, unless `of_total`
  double target = 0;
  double activation = 0;                      // shared ones: from zero only above this total
  std::optional<ScheduleSpec> schedule = {};  // kSchedule
  std::optional<Duration> max_wait = {};      // kQueue: the promise, instead of `target`
  bool of_total = false;                      // kQueue: `target` is of the whole, not per replica
  std::optional<LatencySpec> latency = {};    // kLatency: the promise

  friend bool operator==(const SignalSpec&, const SignalSpec&) = default;
};

// Measured by the load balancers.
inline bool IsOfBalancer(SignalSpec::Kind kind) {
  return kind == SignalSpec::Kind::kInFlight || kind == SignalSpec::Kind::kRate ||
         kind == SignalSpec::Kind::kLatency;
}

// Measured at each replica; all others are shared.
inline bool IsOfReplicas(SignalSpec::Kind kind) {
  return kind == SignalSpec::Kind::kCpu || kind == SignalSpec::Kind::kMemory ||
         kind == SignalSpec::Kind::kBacklog;
}

// One limit on the speed of change, in the HPA's words: `amount` replicas or percent per `period`.
struct RatePolicy {
  enum class Unit { kReplicas, kPercent };

  Unit unit = Unit::kReplicas;
  int64_t amount = 0;
  Duration period = absl::Seconds(15);

  friend bool operator==(const RatePolicy&, const RatePolicy&) = default;
};

struct ScalingRules {
  enum class Select { kMax, kMin, kDisabled };

  Duration stabilization;  // 0: none
  Select select = Select::kMax;
  std::vector<RatePolicy> policies;  // empty: no limit
  // Of this direction, fraction; absent: AutoscaleSpec::tolerance.
  std::optional<double> tolerance = {};

  friend bool operator==(const ScalingRules&, const ScalingRules&) = default;
};

// What stands in for a source that keeps failing, in KEDA's words.
struct FallbackSpec {
  enum class Behavior { kStatic, kCurrent, kCurrentIfHigher, kCurrentIfLower };

  int64_t failure_threshold = 3;  // more failures in a row than this
  int64_t replicas = 0;
  Behavior behavior = Behavior::kStatic;

  friend bool operator==(const FallbackSpec&, const FallbackSpec&) = default;
};

struct AutoscaleSpec {
  // Whose rules as a whole: docs/internals/decision-engine.md says which step comes from whom.
  enum class Policy { kDrover, kHpa, kKpa, kKeda };

  int64_t min = 1;
  int64_t max = 1;
  std::vector<SignalSpec> signals;                                         // at least one
  ScalingRules up;                                                         // default: no window, no limit
  ScalingRules down{.stabilization = absl::Seconds(300), .policies = {}};  // default: the HPA's window
  double tolerance = 0.1;  // fraction of the target, both ways (HPA)
  Policy policy = Policy::kDrover;
  std::optional<FallbackSpec> fallback = {};  // of shared signals
  std::optional<int64_t> idle_replicas = {};  // kKeda: count while nothing is active; below min
  Duration idle = absl::Seconds(300);         // to min 0 after this long without work
  Duration interval = absl::Seconds(1);       // of measuring
  Duration hold;                              // balancers keep requests for it while nothing is ready; 0: not
  int64_t max_held = 1000;                    // such requests at a time, per edge
  bool dry_run = false;                       // decide and explain only
  std::string source;                         // serialized drover.v1.AutoscaleSpec, for the history

  friend bool operator==(const AutoscaleSpec&, const AutoscaleSpec&) = default;
};

// How balancers treat the replicas behind a container port, whichever way leads there.
struct TrafficSpec {
  enum class Sticky { kNone, kCookie, kSource };

  bool h2 = false;    // replicas speak HTTP/2 without TLS
  std::string check;  // path that the balancer asks for by HTTP; empty: it only connects
  Sticky sticky = Sticky::kNone;
  std::string weight_label;              // of nodes; empty: all replicas weigh the same
  Duration slow_start;                   // a new replica's share grows for so long
  Duration timeout = absl::Seconds(60);  // a request may be silent for so long
  std::optional<Duration> drain_request =
      {};                                     // requests of a leaving replica are cut after it; absent: never
  std::optional<Duration> drain_tunnel = {};  // the same for upgraded and plain TCP connections

  friend bool operator==(const TrafficSpec&, const TrafficSpec&) = default;
};

// A way to one container port: a listener of the edge load balancers, or a consumer that pulls.
struct ListenerSpec {
  std::string bind;     // empty: the edge's own address
  uint32_t port = 0;    // on the edge; 0: attached or pulled
  uint32_t target = 0;  // container port
  bool http = false;
  std::string host;  // HTTP routing; empty: any
  std::string path;
  std::string tls_path;
  uint32_t maxconn = 0;  // per replica; 0: unlimited
  TrafficSpec traffic;
  std::vector<std::string> on;  // edge names; empty: all. Of `pull`: its entry points
  std::string attach;           // backend of a foreign balancer; empty: managed
  std::string pull;             // consumer that reads from the controller; empty: for edges
  Duration pull_delay;          // after its confirmation it may still send requests (R6.1)

  friend bool operator==(const ListenerSpec&, const ListenerSpec&) = default;
};

struct DependencySpec {
  enum class Condition { kStarted, kHealthy, kCompleted };

  std::string service;
  Condition condition = Condition::kStarted;

  friend bool operator==(const DependencySpec&, const DependencySpec&) = default;
};

// One of deploy.placement.constraints.
struct ConstraintSpec {
  std::string key;    // an attribute of nodes, as AttributeOf (node_rules.h) knows them: "node.labels.disk"
  bool equal = true;  // `==`; false: `!=`
  std::string value;  // letter case does not count

  friend bool operator==(const ConstraintSpec&, const ConstraintSpec&) = default;
};

struct ServiceSpec {
  std::string name;
  std::string context;    // serialized drover.v1.ServiceContext, for agents
  std::string spec_hash;  // of `context`: another hash means replacing the replicas
  std::string image;      // as written, for people
  std::string image_id;   // resolved (R9.1)

  int64_t replicas = 1;  // the count; with autoscale only the first count (R10.1)
  std::optional<AutoscaleSpec> autoscale;
  int32_t priority = 0;

  std::optional<MilliCpu> reserved_cpu;  // absent: assumed (R3.5)
  std::optional<Bytes> reserved_memory;
  std::vector<ListenerSpec> listeners;
  std::vector<uint32_t> routed_ports;   // container ports that replicas publish on their node (R6.2)
  std::vector<uint32_t> host_ports;     // mode: host; one replica a node
  std::vector<std::string> local_data;  // not empty: pinned (R7.1)
  bool singleton = false;               // R7.2
  bool task = false;                    // R7.3
  bool before_rollout = false;          // x-run: {when: before_rollout}
  bool stop_first = false;              // update order; pinned and singletons always
  bool warm_stop = true;                // stop signal may be sent to busy replicas (R5.2)
  bool bin_pack = false;                // placement score; false: spread
  bool global = false;                  // one on every node that may take it; `replicas` counts for nothing
  std::vector<ConstraintSpec> constraints = {};  // a node must meet all
  // Attributes as in ConstraintSpec, the first one first: before spreading over nodes.
  std::vector<std::string> spread_over = {};
  uint32_t max_per_node = 0;  // replicas on one node, those on their way out included; 0: no limit
  Duration stop_grace = absl::Seconds(10);
  Duration replace_after = absl::Seconds(5);   // R2.3
  Duration drain_timeout = absl::Seconds(30);  // R5.3, forced stops only
  std::vector<DependencySpec> depends_on;

  // Where `global`, each node keeps the data of its own replica: there is nothing to pin it to.
  bool pinned() const { return !local_data.empty() && !global; }

  friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
};

struct QueueSpec {
  std::string name;
  std::string probe;         // serialized drover.v1.QueueSpec, for agents
  std::string host_service;  // set when the host is a service of the stack (R4.3); else empty
  uint32_t host_port = 0;    // container port of that service
  Duration interval = absl::Milliseconds(100);  // between two reads
  Duration timeout = absl::Seconds(1);          // of one read
  std::string pushed = {};                      // the name under which it is pushed; empty: agents read it
  Duration stale_after = absl::Seconds(60);     // a pushed value is believed up to this age

  friend bool operator==(const QueueSpec&, const QueueSpec&) = default;
};

struct StackSpec {
  std::string name;
  std::vector<ServiceSpec> services;  // sorted by name
  std::vector<QueueSpec> queues;      // sorted by name
  std::string source;                 // serialized drover.v1.StackSpec, kept for people

  friend bool operator==(const StackSpec&, const StackSpec&) = default;
};

}  // namespace drover::controller
