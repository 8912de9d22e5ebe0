// What the core wants done. The order of the fields is the order in which the runtime carries them
// out: persist `changes`, and only when that is durable send `orders` and `replies`, publish `view`
// and `events`, and call again at `wake_at` (design §2.5). One Ready is outstanding at a time. Any
// field may be empty.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "controller/core/autoscale/replay.h"
#include "controller/core/backend_set.h"
#include "controller/core/event.h"
#include "controller/core/record.h"
#include "controller/core/view.h"

namespace drover::controller {

struct RunReplica {
  ReplicaId id;
  uint32_t handle = 0;
  std::string spec_hash;
  uint32_t number = 0;
  std::vector<PublishedPort> published;
  bool quiet = false;  // draining (R5.2)
  std::string image_id;
  bool hands_off = false;  // paused or frozen: what is stopped by hand stays so (R3.7)
};

struct RemoveReplica {
  ReplicaId id;
  std::string reason;
  bool forced = false;
  bool operator_change = false;
  bool remove_volumes = false;
};

// A service spec that a node may not have yet.
struct ServiceContext {
  ServiceKey service;
  std::string spec_hash;
  uint64_t stack_revision = 0;
  std::string context;  // serialized drover.v1.ServiceContext
};

// Full when base_revision is 0, else a delta on (base_epoch, base_revision) (R1.5).
struct Assignment {
  ClusterId cluster;
  Epoch epoch;
  Revision revision;
  Epoch base_epoch;
  Revision base_revision;
  std::vector<RunReplica> run;
  std::vector<RemoveReplica> remove;
  std::vector<ReplicaId> forget;
  std::vector<ServiceContext> contexts;
};

struct Probe {
  uint32_t handle = 0;
  uint64_t term = 0;
  std::string stack;
  std::string probe;  // serialized drover.v1.QueueSpec
  std::string host;   // replaces the queue's host; empty: as written
  uint32_t port = 0;
  Duration interval;
  double notify_above = 0;
  bool standby = false;
};

struct ProbeAssignment {
  Epoch epoch;
  std::vector<Probe> probes;
};

struct BackendSets {
  Epoch epoch;
  Revision revision;
  std::vector<BackendSet> sets;
};

struct Welcome {
  ClusterId cluster;
  Epoch epoch;
  bool settled = false;
};

struct Refuse {
  enum class Code { kClusterMismatch, kNodeIdInUse, kProtocol, kNotLeader, kIdentity, kRemoved };

  Code code = Code::kClusterMismatch;
  std::string message;
};

// To one agent, over the stream named; dropped when that stream is closed.
struct Order {
  NodeId node;
  StreamId stream;
  std::variant<Welcome, Refuse, Assignment, ProbeAssignment, BackendSets> body;
};

struct Reply {
  RequestId request;
  absl::Status status;  // InvalidArgument, NotFound, FailedPrecondition, Unavailable
  std::string message;  // for people, when OK
  Plan plan;            // ApplyStack only
  uint64_t revision = 0;
  std::vector<NodeMove> moves = {};  // ChangeNode only
};

struct Ready {
  std::vector<StoreChange> changes;
  std::vector<Order> orders;
  std::vector<Reply> replies;
  std::shared_ptr<const View> view;  // null: nothing to publish
  std::vector<EventRecord> events;   // oldest first
  std::vector<HistoryItem> history;  // for the history file, oldest first; of no consequence here
  std::optional<Instant> wake_at;    // absent: only when something happens

  bool empty() const {
    return changes.empty() && orders.empty() && replies.empty() && !view && events.empty();
  }
};

}  // namespace drover::controller
