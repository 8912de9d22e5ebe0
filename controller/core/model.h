// What the core believes: the stored intent (records) together with what agents report. Every other
// file of controller/core reads it and changes it through the few functions here, which keep the
// indices right, check each step of a replica's life against the one table (R3.1), and remember what
// became dirty: which records to persist, which services to review, which nodes to send to, which
// parts of the view to make anew. Nothing here decides.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/prng.h"
#include "common/replica_state.h"
#include "common/time.h"
#include "common/units.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/replay.h"
#include "controller/core/core.h"
#include "controller/core/event.h"
#include "controller/core/memory_profile.h"
#include "controller/core/ready.h"
#include "controller/core/record.h"
#include "controller/core/request_counts.h"
#include "controller/core/view.h"

namespace drover::controller {

struct Replica {
  ReplicaRecord record;
  ReplicaState state = ReplicaState::kPending;  // the record's, refined by what the agent reports
  Instant since;                                // of `state`
  std::optional<ReplicaState> reported;         // newest word of its agent; absent: none yet
  std::optional<ReplicaSample> sample;
  Instant sampled;  // when the sample was measured, on our clock (R2.2)
  ReplicaDetail detail;
  bool was_ready = false;                 // since its process last started
  bool ever_ready = false;                // an edge may hold it
  Instant ready_since;                    // valid while ready
  std::optional<Instant> assigned_since;  // by this process, until it is ready for the first time
  // Revision of the assignment that first carried it in its present list; 0: not sent yet (R1.5).
  Revision ordered;
  std::string waiting;     // pending: why no node takes it
  bool stop_told = false;  // its stop result became an event
  bool recovered = false;  // from the store, and not ready since: getting ready again is no news

  // Draining (R5.2): from when, which revision of the backend set took it out, and per edge how many
  // reports said "nothing in flight" after the one that confirmed that revision (R6.1).
  Instant drain_since;
  uint64_t drain_revision = 0;
  std::map<NodeId, int> quiet_reads;
  std::map<std::string, Instant> pulled;  // by consumer: when it was known to have that revision
};

// What a consumer that pulls confirmed since the core's start.
struct PullState {
  uint64_t revision = 0;  // highest
  Instant at;             // of the newest confirmation
  absl::Time wall;        // the same, for display
};

struct Service {
  ServiceKey key;
  ServiceRecord record;
  bool stored = false;                      // `record` belongs to the store; false: only tombstones are left
  std::shared_ptr<const ServiceSpec> spec;  // null: unknown (removed before a restart)
  bool retired = false;                     // no longer part of its stack, or the stack is removed
  std::set<ReplicaId> replicas;
  std::array<int64_t, kReplicaStates> in_state{};  // how many of the replicas, by state
  std::multiset<uint32_t> numbers;                 // of the replicas
  uint32_t lowest_number = 1;                      // none below is free

  ScalingHistory history;
  std::shared_ptr<const Decision> decided;      // as the engine gave it
  std::shared_ptr<const Decision> decision;     // the same, with what carrying it out came to
  std::shared_ptr<const Decision> last_change;  // last that changed the count
  std::vector<std::string> recorded_blocked;    // what the history knows to be in the way
  std::optional<Instant> evaluated;             // last call of Decide

  // The last evaluation that was recorded with the engine's memory.
  struct RecordedWhole {
    uint64_t begun = 0;  // Model::history_begun then
    Instant at;
    std::shared_ptr<const ServiceSpec> spec;
  };

  RecordedWhole recorded_whole;
  bool input_changed = true;
  std::optional<Instant> decide_due;
  std::vector<Duration> startups;  // from assigned to ready, since the last call; of the present revision

  MemoryProfile memory;              // of its replicas, when the user reserved none (R3.5)
  uint32_t failures = 0;             // in a row
  Instant retry_at;                  // no new replica before, after failures
  std::set<uint32_t> taken_numbers;  // names that somebody else holds
  uint32_t unhealthy = 0;            // replaced in a row soon after they had got ready (R2.6)
  Instant unhealthy_retry_at;        // none is replaced for that before
  bool shared_cause = false;         // told as SharedCauseSuspected
  // Room that a node keeps for the next replica, because one was stopped elsewhere for it (kept_room.h).
  std::optional<std::pair<NodeId, Resources>> kept_room;

  std::vector<std::string> blocked;
  bool shown_soft = false;  // already among those whose samples changed
  // What edges should route to, with the listeners of all edges (R6.1). Handles are stable while the
  // process lives. Not known: some node that holds its replicas has not reported yet (R6.3).
  std::vector<BackendSet> sets;
  std::map<std::pair<uint32_t, std::string>, uint32_t> handles;  // (target, attach) → handle
  bool sets_known = false;
  std::map<std::string, PullState> pulls;  // by consumer

  int64_t& in(ReplicaState state) { return in_state.at(static_cast<size_t>(state)); }
};

// What an edge's readings of one set came to over time; the newest itself is in `Node::edge_sets`.
struct EdgeReadings {
  Instant measured;  // the newest, on our clock (R2.2)
  RequestCounts counts;
};

struct Node {
  NodeRecord record;
  NodeStatus status = NodeStatus::kNeverSeen;
  std::optional<StreamId> stream;
  StreamId newest_stream;  // also when that one is closed
  bool reported = false;   // a full report on this stream
  Instant last_word;       // corrected by the delay (R2.2); the core's start when never heard
  bool heard = false;      // since the core's start
  Instant suspect_since;
  Instant lost_since;
  bool empty_told = true;  // that all that can leave a draining node has left it

  // R2.2: smallest (receive − send), of the running and of the last five minutes.
  std::array<std::optional<Duration>, 2> smallest_delay;
  Instant delay_window;

  std::optional<Instant> armed;  // when its timer is due; spares the timer table a look per report
  bool shown_soft = false;       // already among those whose samples changed

  Epoch applied_epoch;
  Revision applied_revision;

  std::set<ReplicaId> replicas;
  std::map<uint32_t, Replica*> by_handle;
  Resources reserved;
  int64_t published = 0;             // host ports that its replicas hold, at most
  std::set<uint32_t> refused_ports;  // host ports that turned out to be somebody else's
  // Specs that the host's own policy refused (R10.4), by hash: when it was first known. Forgotten when the
  // agent connects anew, since its policy may be another one then.
  std::map<std::string, Instant> refused_specs;
  std::set<ServiceKey> waiting_to_stop;  // services held back by the mass removal cap

  // What was last sent on this stream.
  Revision sent;  // 0: nothing yet
  std::map<ReplicaId, RunReplica> sent_run;
  std::map<ReplicaId, RemoveReplica> sent_remove;
  std::set<std::string> sent_contexts;
  std::optional<std::vector<Probe>> sent_probes;
  std::optional<std::vector<BackendSet>> sent_sets;

  std::optional<EdgeStatus> edge;
  std::map<uint32_t, EdgeSetStatus> edge_sets;  // newest word on each set
  std::map<uint32_t, EdgeReadings> edge_readings;
  std::optional<HostSample> host;
  std::vector<StuckCall> stuck;
  std::vector<FoundReplica> orphans;
  std::string version;
  EngineFacts engine;
  std::string metrics_address;  // as in NodeConnected

  bool up() const { return status == NodeStatus::kUp && stream.has_value(); }
};

struct Stack {
  StackRecord record;
};

// A timer names what to look at again; several for one thing collapse into the earliest.
struct TimerKey {
  enum class Kind { kNode, kService, kQueue, kSettle, kMassHold, kFreeze, kAvailability, kView };

  Kind kind = Kind::kView;
  std::string first;   // node, or stack
  std::string second;  // service or queue

  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

class Model {
 public:
  Model(const CoreOptions& options_in, const StoredState& stored, const CoreStart& start);

  const CoreOptions options;
  const ClusterId cluster;
  const Epoch epoch;
  const Instant started;
  Instant now;
  absl::Time wall;

  ClusterRecord whole;
  std::map<std::string, Stack> stacks;
  std::map<ServiceKey, Service> services;
  std::map<ReplicaId, Replica> replicas;
  std::map<NodeId, Node> nodes;
  std::map<std::string, std::set<NodeId>> image_nodes;  // R9.1
  std::map<std::string, std::string> contexts;          // spec hash → serialized ServiceContext

  bool settled = false;        // R2.4
  bool store_writable = true;  // R1.8
  std::string store_error;
  std::string deposed;                     // not empty: a higher epoch was met, with the reason (R1.2)
  std::optional<Instant> mass_hold_until;  // R2.5
  bool mass_recovery = false;              // after the hold, until all lost replicas are replaced
  Instant next_replacement;                // beyond `min`, while recovering (R2.5)
  Instant gap_at;                          // start, or the end of the last gap between ticks (R2.4)

  // No scaling, replacing or rollout, by an operator's word (R10.1).
  bool frozen() const { return whole.frozen; }

  // May anything new be decided now?
  bool deciding() const { return store_writable && deposed.empty(); }

  Node* FindNode(const NodeId& id);
  Service* FindService(const ServiceKey& key);
  Replica* FindReplica(ReplicaId id);
  // Names of the queues of its stack that this service hosts (R4.3).
  std::vector<std::string> QueuesHostedBy(const ServiceKey& key) const;
  // Its display name, or its id.
  std::string NodeName(const NodeId& id) const;
  // The spec is that of the newest revision of its stack.
  static bool IsCurrent(const Service& service, const Replica& replica);
  // "STACK-SERVICE-NUMBER".
  static std::string ContainerName(const Replica& replica);

  // ---- replicas ----
  // A new pending replica of the newest spec. Ids are random, never 0, never one that exists (R3.2).
  Replica& AddReplica(Service& service, uint32_t number);
  // Binds it to a node for ever: handle, ports and reservation are in `record` from here on.
  void Bind(Replica& replica, Node& node, std::vector<PublishedPort> ports);
  // CHECKs the step (R3.1); updates record, indices and everything that depends on the state.
  void SetState(Replica& replica, ReplicaState to);
  // Confirmed gone: the record is deleted. Invalidates `replica`.
  void Erase(ReplicaId id);
  // What a new replica reserves; for what the user left out, what was observed or is assumed (R3.5).
  Resources ReservationOf(const Service& service) const;
  // Lowest number that no replica of the service holds.
  uint32_t FreeNumber(Service& service) const;

  // ---- dirt ----
  void TouchRecord(const Stack& stack);
  void TouchRecord(const Service& service);
  void TouchRecord(const Replica& replica);
  void TouchRecord(const Node& node);
  void TouchWhole();

  void ReviewService(const ServiceKey& key) { review_.insert(key); }

  void ReviewStack(const std::string& stack);

  void ReviewQueue(const std::string& stack, const std::string& queue) { queues_.insert({stack, queue}); }

  // Services with replicas that found no room look again.
  void RoomChanged();

  // A node came, went or may take other things than before: so do those that have one on every node.
  void NodesChanged();

  void AssignmentChanged(const NodeId& node) { assign_.insert(node); }

  void ProbesChanged(const NodeId& node) { probes_.insert(node); }

  void BackendsChanged(const ServiceKey& key) { backends_.insert(key); }

  void EdgesChanged() { edges_changed_ = true; }

  // `soft`: only samples changed, which may wait for a second.
  void ShowService(const ServiceKey& key, bool soft = false);
  void ShowNode(const NodeId& id, bool soft = false);

  void ShowStack(const std::string& name) { stale_stacks.insert(name); }

  void ShowStatus() { stale_status = true; }

  // Erases the service when nothing refers to it any more. The key is a copy: callers name the service by its
  // own.
  void MaybeForget(ServiceKey key);

  std::set<ServiceKey> TakeReviews() { return std::exchange(review_, {}); }

  std::set<std::pair<std::string, std::string>> TakeQueues() { return std::exchange(queues_, {}); }

  std::set<NodeId> TakeProbes() { return std::exchange(probes_, {}); }

  std::set<NodeId> TakeAssignments() { return std::exchange(assign_, {}); }

  std::set<ServiceKey> TakeBackends() { return std::exchange(backends_, {}); }

  bool TakeEdgesChanged() { return std::exchange(edges_changed_, false); }

  bool HasReviews() const { return !review_.empty(); }

  // Puts and deletes for everything that is dirty.
  std::vector<StoreChange> TakeChanges();

  // Services that wait for room, and those with draining replicas (a superset, pruned by readers).
  std::set<ServiceKey> waiting_for_room;
  std::set<ServiceKey> short_of_room;  // had replicas without room when they were last reviewed
  std::set<ServiceKey> global;         // have one replica on every node
  std::set<ServiceKey> draining;
  std::map<std::string, std::set<ServiceKey>> gated;  // by stack: wait for another service (R7.3)
  std::set<NodeId> edges;                             // nodes with a balancer, silent ones included (R6.3)
  std::set<NodeId> emptying;                          // nodes that drain or are in maintenance
  std::map<uint32_t, ServiceKey> set_owners;          // by BackendSet::handle

  // ---- timers ----
  void WakeAt(const TimerKey& key, Instant at);

  void WakeService(const ServiceKey& key, Instant at) {
    WakeAt({TimerKey::Kind::kService, key.stack, key.service}, at);
  }

  void WakeNode(Node& node, Instant at) {
    if (!node.armed || *node.armed > at) {
      node.armed = at;
      WakeAt({TimerKey::Kind::kNode, node.record.id.value(), ""}, at);
    }
  }

  // Timers that ran out, removed.
  std::vector<TimerKey> TakeDue();
  std::optional<Instant> NextDue() const;

  // ---- news ----
  uint64_t NextDecisionId() { return epoch.value() << 32 | ++decision_count_; }

  struct News {
    std::string type;
    std::string reason;
    std::string message;
    ServiceKey service;
    ReplicaId replica;
    NodeId node;
    bool warning = false;
  };

  void Tell(News news);
  void TellReplica(const Replica& replica, std::string reason, std::string message, bool warning = false);

  uint64_t history_begun = 1;  // how often (HistoryBegins)

  void Record(HistoryItem item) { history_.push_back(std::move(item)); }

  std::vector<HistoryItem> TakeHistory() { return std::exchange(history_, {}); }

  std::vector<EventRecord> TakeEvents() { return std::exchange(events_, {}); }

  // ---- for view.cc ----
  std::set<ServiceKey> stale_services, stale_services_soft;
  std::set<NodeId> stale_nodes, stale_nodes_soft;
  std::set<std::string> stale_stacks;
  bool stale_status = true;

 private:
  void Load(const StoredState& stored);
  void Index(Replica& replica);
  void NoteStartup(Replica& replica);
  // Something on the node changed: it may be empty now, which somebody waits for.
  void LeftNode(const Node& node);

  Prng prng_;
  uint32_t event_count_ = 0;
  uint32_t decision_count_ = 0;
  std::vector<EventRecord> events_;
  std::vector<HistoryItem> history_;
  std::set<ServiceKey> review_, backends_;
  std::set<std::pair<std::string, std::string>> queues_;
  std::set<NodeId> assign_, probes_;
  bool edges_changed_ = false;
  std::set<std::string> dirty_stacks_;
  std::set<ServiceKey> dirty_services_;
  std::set<ReplicaId> dirty_replicas_;
  std::set<NodeId> dirty_nodes_;
  bool dirty_whole_ = false;
  std::map<TimerKey, Instant> timers_;
  std::set<std::pair<Instant, TimerKey>> due_;
};

}  // namespace drover::controller
