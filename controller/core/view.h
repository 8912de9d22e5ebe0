// What readers see (HTTP, metrics, page, tests): immutable snapshots, made by the core, shared by
// pointer. Only the parts that changed are made anew.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/ids.h"
#include "common/replica_state.h"
#include "common/request_times.h"
#include "common/time.h"
#include "common/units.h"
#include "controller/core/backend_set.h"
#include "controller/core/event.h"
#include "controller/core/record.h"

namespace drover::controller {

// ---- one evaluation, whether it acted or not --------------------------------------------------------

struct SignalDecision {
  std::string name;             // "cpu", "queue thumbs"
  std::optional<double> value;  // absent: unknown, see unknown_reason
  std::string unknown_reason;
  double target = 0;
  std::string unit;  // "%", "jobs per replica"
  Duration age;
  std::optional<int64_t> wish;
  std::string formula;  // filled in: "ceil(2 × 85 / 60) = 3"

  friend bool operator==(const SignalDecision&, const SignalDecision&) = default;
};

struct Clamp {
  std::string name;  // tolerance, missing, unknown, stabilization, rate, hold, paused, blocked, min, max, …
  int64_t before = 0;
  int64_t after = 0;
  std::string detail;

  friend bool operator==(const Clamp&, const Clamp&) = default;
};

struct Choice {
  ReplicaId replica;
  std::string action;  // start, stop, recall
  NodeId node;
  std::string why;

  friend bool operator==(const Choice&, const Choice&) = default;
};

// How the scaling of a service stands, in the HPA's way.
struct Condition {
  std::string type;  // AbleToScale, ScalingActive, ScalingLimited, SignalFresh
  bool holds = false;
  std::string reason;   // CamelCase
  std::string message;  // for people

  friend bool operator==(const Condition&, const Condition&) = default;
};

struct Decision {
  uint64_t id = 0;
  absl::Time at;
  ServiceKey service;
  int64_t current = 0;
  int64_t desired = 0;
  std::vector<SignalDecision> signals;
  std::vector<Clamp> clamps;  // in the order in which they were applied
  std::string winner;
  std::string reason;  // CamelCase
  std::vector<Condition> conditions;
  // What carrying it out came to, so far as it was tried.
  std::vector<Choice> choices;
  std::vector<std::string> blocked;  // what keeps actual from desired, one line each

  friend bool operator==(const Decision&, const Decision&) = default;
};

// The one-screen text of `drover why`, the event log and the golden tests. Ends with a newline.
std::string ToText(const Decision& decision);

// ---- events -----------------------------------------------------------------------------------------

struct EventRecord {
  uint64_t id = 0;  // ascending within an epoch: epoch << 32 | count
  absl::Time at;
  std::string type;    // decision, replica, node, stack, edge, stop, signal, operator
  std::string reason;  // CamelCase
  std::string message;
  ServiceKey service;  // empty parts: not about one
  ReplicaId replica;
  NodeId node;
  bool warning = false;
};

// ---- plan -------------------------------------------------------------------------------------------

struct PlanListener {
  std::string address;
  std::string service;
  std::string target;
  std::string where;
};

struct PlanChange {
  enum class Action { kCreate, kReplace, kUpdate, kRemove };

  Action action = Action::kCreate;
  std::string service;
  std::vector<std::string> details;
};

struct Plan {
  std::vector<PlanListener> listeners;
  std::vector<PlanChange> changes;
};

// ---- state ------------------------------------------------------------------------------------------

struct ReplicaView {
  ReplicaRecord record;
  ReplicaState state = ReplicaState::kPending;  // with what the agent reports
  Instant since;                                // of the state
  std::string name;                             // container name
  std::string reason;
  std::string message;
  std::optional<ReplicaSample> sample;
  ReplicaDetail detail;
  bool current = true;                     // of the newest spec
  std::optional<EdgeServer> traffic = {};  // summed over load balancers; absent: none tells of it
};

// A consumer that a route of the service names, and what it confirmed since the controller's start.
struct PullView {
  uint64_t revision = 0;         // of the backend sets
  std::optional<Instant> since;  // of the newest confirmation; absent: none yet
  absl::Time wall;               // the same, for display
};

struct ServiceView {
  ServiceKey key;
  ServiceRecord record;
  ServiceSpec spec;
  uint64_t stack_revision = 0;
  bool reservation_assumed = false;             // R3.5
  Resources reserved;                           // per replica
  std::vector<ReplicaView> replicas;            // by number, draining and failed ones included
  std::shared_ptr<const Decision> decision;     // last; null: not evaluated yet
  std::shared_ptr<const Decision> last_change;  // last that changed the count; null: none since the start
  std::vector<std::string> blocked;  // what keeps actual from desired: "pending: no node has 2 CPU free: …"
  std::string status;                // one line
  std::map<std::pair<uint32_t, std::string>, uint32_t>
      handles;  // of its backend sets: (target, attach) → handle
  // Of services that some consumer pulls; while they are not known, nobody may be told them (R6.3).
  std::vector<BackendSet> sets;
  bool sets_known = false;
  std::map<std::string, PullView> pulls;  // by consumer
  bool converged = false;
  RequestTimes times;  // of its requests lately, as far as balancers tell; empty: of none
};

struct StackView {
  std::string name;
  uint64_t revision = 0;
  bool removing = false;
  absl::Time applied_at;
  std::string source;  // serialized drover.v1.StackSpec
};

// What a node's drain means for one of its replicas.
struct NodeMove {
  ReplicaId replica;
  NodeId to = NodeId();  // where another one would start now; empty: see why
  std::string why = {};  // it stays, or nothing takes it; empty: it moves
  bool stays = false;    // keeps data there, or is a task that runs to its end

  friend bool operator==(const NodeMove&, const NodeMove&) = default;
};

enum class NodeStatus { kUp, kSuspect, kLost, kNeverSeen };

struct NodeView {
  NodeRecord record;
  NodeStatus status = NodeStatus::kNeverSeen;
  std::optional<Instant> last_report;
  Resources reserved;
  std::optional<HostSample> host;
  std::vector<StuckCall> stuck;
  std::vector<FoundReplica> orphans;  // R1.3
  int64_t replicas = 0;
  std::string version;
  EngineFacts engine;
  std::string metrics_address;  // HOST:PORT; empty: other hosts can't read them
  std::optional<EdgeStatus> edge;
  std::vector<NodeMove> moves;  // while it drains: what still has to leave, or stays; `to` is empty
};

struct View {
  Instant now;
  absl::Time wall;
  ClusterId cluster;
  Epoch epoch;
  bool ready = false;  // /readyz
  ClusterRecord whole;
  std::string not_ready_reason;
  std::map<std::string, std::shared_ptr<const StackView>> stacks;
  std::map<ServiceKey, std::shared_ptr<const ServiceView>> services;
  std::map<NodeId, std::shared_ptr<const NodeView>> nodes;
};

}  // namespace drover::controller
