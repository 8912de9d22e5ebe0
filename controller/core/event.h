// Everything that happens to the core, time included. The runtime translates the wire, the HTTP API
// and the clock into these; the simulator makes them itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "common/replica_state.h"
#include "common/request_times.h"
#include "common/time.h"
#include "common/units.h"
#include "controller/core/spec.h"

namespace drover::controller {

// One gRPC stream of an agent. A new connection of the same node has a higher number; what an older
// stream still delivers, its Hello too, is dropped.
using StreamId = Strong<struct StreamIdTag, uint64_t>;
// A caller of the HTTP API that waits for a Reply.
using RequestId = Strong<struct RequestIdTag, uint64_t>;

// Time passes. `wall` is for display, stored history and holds only.
struct Tick {
  Instant now;
  absl::Time wall;
};

// A container of ours that an agent found (R1.3).
struct FoundReplica {
  ReplicaId id;
  ClusterId cluster;
  std::string stack;
  std::string service;
  std::string name;
  std::string container_id;
  ReplicaState state = ReplicaState::kRunning;
};

// What a node runs, for people; empty or 0: unknown.
struct EngineFacts {
  std::string version;
  std::string api_version;
  int64_t cgroup_version = 0;
  std::string kernel;
  std::string os;
};

// An agent's Hello.
struct NodeConnected {
  Instant now;
  NodeId node;
  StreamId stream;
  std::string name;
  ClusterId cluster;  // empty: never joined one
  std::string boot_id;
  std::string engine_id;
  Epoch highest_epoch;  // R1.2
  Epoch applied_epoch;
  Revision applied_revision;
  Resources capacity;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string address;
  uint32_t port_first = 0;
  uint32_t port_last = 0;
  bool edge = false;
  std::string edge_bind;
  std::vector<FoundReplica> found;
  Instant sent;         // agent's CLOCK_BOOTTIME
  std::string version;  // for people
  EngineFacts engine;
  std::string metrics_address;  // HOST:PORT for other hosts; empty: not for them
};

struct NodeDisconnected {
  Instant now;
  NodeId node;
  StreamId stream;
};

// One replica's row of a report. Absent means unknown, never zero (R4).
struct ReplicaSample {
  uint32_t handle = 0;
  ReplicaState state = ReplicaState::kStarting;
  std::optional<int64_t> cpu_milli;
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> busy;
  std::optional<int64_t> backlog;
  Duration age;  // at sending
};

struct ReplicaDetail {
  uint32_t handle = 0;
  std::string container_id;
  std::string address;  // on the host's own bridge
  std::optional<int32_t> exit_code;
  bool oom_killed = false;
  std::string reason;
  std::string message;
  uint32_t restarts = 0;
  Duration retry_in;
  std::string health;
  Duration pull, create, start, ready;
};

struct QueueReading {
  uint32_t probe = 0;           // handle that the core gave it
  uint64_t term = 0;            // R4.3
  std::optional<double> ready;  // absent: unknown, see error
  std::optional<double> held;
  std::optional<double> workers;
  std::optional<Duration> oldest;
  std::optional<bool> active;  // an external scaler's word on whether there is work; absent: none
  Duration age;
  std::string error;
};

struct EdgeServer {
  ReplicaId replica;
  int64_t in_flight = 0;
  bool up = false;
  std::optional<uint64_t> requests_total = {};  // given to it since it entered
  std::optional<uint64_t> errors_total = {};    // of them failed
};

struct EdgeSetStatus {
  uint32_t set = 0;  // handle that the core gave it
  Epoch applied_epoch;
  Revision applied_revision;  // read back and found right
  std::vector<EdgeServer> servers;
  bool at_least = false;          // more may be in flight than the servers say
  std::optional<int64_t> held;    // wait with no server
  std::optional<int64_t> queued;  // wait in the balancer's queue; absent: the set could not be read
  std::optional<double> rate;
  // Of this balancer process: requests that have come, and what of them has ended.
  std::optional<uint64_t> requests_total;
  std::optional<uint64_t> finished_total;
  std::optional<uint64_t> errors_total;  // of them failed: HTTP 5xx; TCP: no connection, or broken
  uint64_t closed_total = 0;             // connections closed at their drain limit, since the agent started
  std::optional<RequestTimes> times;     // absent: the balancer tells of no single requests
  std::string error;
  Duration age;  // at sending
};

struct EdgeStatus {
  uint64_t instance = 0;
  bool reachable = false;
  std::vector<EdgeSetStatus> sets;
  uint64_t reloads = 0;
  std::string error;
};

struct StopResult {  // R5.4
  enum class Result { kClean, kTimedOut, kKilledWithWork, kForced, kAlreadyGone };

  ReplicaId replica;
  Result result = Result::kClean;
  int32_t exit_code = 0;
  Duration signal_to_exit;
  std::string detail;
};

struct AgentNotice {
  std::string reason;
  std::string message;
  ReplicaId replica;  // 0: about the node
  bool warning = false;
};

struct StuckCall {
  std::string call;
  Duration since;
};

struct HostSample {
  std::optional<int64_t> cpu_milli;
  int64_t cpu_count = 0;
  std::optional<Bytes> memory_total, memory_available;
  std::optional<double> pressure_cpu, pressure_memory, pressure_io;  // PSI some avg10, percent
  int64_t containers = 0;
};

struct NodeReport {
  Instant now;  // received
  NodeId node;
  StreamId stream;
  Instant sent;  // agent's CLOCK_BOOTTIME (R2.2)
  Epoch applied_epoch;
  Revision applied_revision;  // absence is believed only from the placing revision on (R1.5)
  bool full = false;          // replicas not listed are absent on the host
  std::vector<ReplicaSample> replicas;
  std::vector<ReplicaDetail> details;
  std::optional<HostSample> host;
  std::vector<QueueReading> queues;
  std::optional<EdgeStatus> edge;
  std::vector<StopResult> stops;
  std::vector<AgentNotice> notices;
  std::vector<FoundReplica> unknown;
  std::vector<StuckCall> stuck;
  std::vector<ReplicaId> removed;     // of `remove`: confirmed absent
  std::optional<Resources> capacity;  // when changed
};

// The agent has another base than the last delta (R1.5).
struct NeedFull {
  Instant now;
  NodeId node;
  StreamId stream;
};

// ---- what operators ask; each is answered by one Reply ---------------------------------------------

struct ApplyStack {
  Instant now;
  absl::Time wall;
  RequestId request;
  StackSpec spec;
  bool dry_run = false;
  std::string message;
  std::string who;
  // Which nodes hold which image already (image_id → nodes); they are preferred (R9.1).
  std::map<std::string, std::set<NodeId>> image_nodes;
};

struct RemoveStack {
  Instant now;
  RequestId request;
  std::string stack;
  bool remove_volumes = false;
  std::string message;
  std::string who;
};

struct ScaleService {
  Instant now;
  absl::Time wall;
  RequestId request;
  ServiceKey service;
  int64_t replicas = 0;
  std::optional<Duration> hold;  // scaled services need this or `forever` (R10.1)
  bool forever = false;
  std::string message;
  std::string who;
};

struct PauseService {
  Instant now;
  absl::Time wall;
  RequestId request;
  ServiceKey service;
  std::optional<Duration> duration;
  bool down_only = false;
  std::string message;
  std::string who;
};

struct ResumeService {
  Instant now;
  RequestId request;
  ServiceKey service;
  std::string message;
  std::string who;
};

// An operator's word on a node.
struct ChangeNode {
  enum class Kind { kCordon, kUncordon, kDrain, kMaintenance, kRemove };

  Instant now;
  absl::Time wall;
  RequestId request;
  NodeId node;
  Kind kind = Kind::kCordon;
  std::optional<Duration> deadline;  // kDrain, kMaintenance: then what is left is stopped all the same
  std::optional<Duration> duration;  // kMaintenance: back by itself after it
  bool dry_run = false;              // kDrain, kMaintenance: only say where everything would go
  bool force = false;                // kRemove: also while it is up and holds replicas
  std::string message;
  std::string who;
};

// Nothing is scaled, replaced or rolled out any more, or is again (R10.1).
struct FreezeCluster {
  Instant now;
  absl::Time wall;
  RequestId request;
  bool freeze = true;                // false: resume
  std::optional<Duration> duration;  // absent: until resumed
  std::string message;
  std::string who;
};

// A worker's own measurement, for queues that are pushed.
struct PushMetric {
  Instant now;
  RequestId request;
  std::string stack;
  std::string name;
  double value = 0;  // finite, 0 or more
  std::string unit;  // for people
};

// The store refuses writes, or takes them again (R1.8): between the two nothing new is decided.
struct StoreHealth {
  Instant now;
  bool writable = true;
  std::string error;
};

// A consumer that pulls has these backend revisions of these services, or newer ones (R6.1).
struct ConsumerApplied {
  Instant now;
  absl::Time wall;
  std::string consumer;
  std::vector<std::pair<ServiceKey, uint64_t>> revisions;
};

// The history begins anew, or has lost something: the next evaluation of each service is recorded with all
// that the engine remembers.
struct HistoryBegins {
  Instant now;
};

using Event = std::variant<Tick, NodeConnected, NodeDisconnected, NodeReport, NeedFull, ApplyStack,
                           RemoveStack, ScaleService, PauseService, ResumeService, PushMetric, StoreHealth,
                           HistoryBegins, ConsumerApplied, ChangeNode, FreezeCluster>;

}  // namespace drover::controller
