#include "controller/core/drain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/admit.h"

namespace drover::controller {
namespace {

// R3.2: what returns superseded is told to stop within 10 s.
constexpr Duration kSupersededLimit = absl::Seconds(5);
constexpr int kQuietReads = 2;  // R6.1: later reads that say "nothing in flight"

bool Holds(const BackendSet& set, ReplicaId id) {
  return std::any_of(set.backends.begin(), set.backends.end(),
                     [id](const Backend& backend) { return backend.replica == id; });
}

// Edges that have not yet confirmed that nothing goes to the replica any more.
std::vector<NodeId> Unconfirmed(const Model& model, const Service& service, const Replica& replica) {
  std::vector<NodeId> waiting;
  if (!replica.ever_ready || !service.spec) {
    return waiting;
  }
  for (const NodeId& edge : EdgesOf(model, *service.spec)) {
    auto reads = replica.quiet_reads.find(edge);
    if (reads == replica.quiet_reads.end() || reads->second < kQuietReads) {
      waiting.push_back(edge);
    }
  }
  return waiting;
}

void GoOn(Model& model, Replica& replica, bool forced) {
  Node& node = model.nodes.at(replica.record.node);
  if (!AdmitStop(model, node, replica)) {
    return;
  }
  replica.record.forced = forced;
  model.SetState(replica, ReplicaState::kStopping);
  model.TouchRecord(replica);
}

}  // namespace

bool ServesListener(const ListenerSpec& listener, const std::string& name) {
  return listener.on.empty() || std::find(listener.on.begin(), listener.on.end(), name) != listener.on.end();
}

bool ServesAny(const std::vector<ListenerSpec>& listeners, const std::string& name) {
  return std::any_of(listeners.begin(), listeners.end(),
                     [&](const ListenerSpec& listener) { return ServesListener(listener, name); });
}

std::vector<NodeId> EdgesOf(const Model& model, const ServiceSpec& spec) {
  std::vector<NodeId> edges;
  for (const NodeId& id : model.edges) {
    if (ServesAny(spec.listeners, model.NodeName(id))) {
      edges.push_back(id);
    }
  }
  return edges;
}

void BeginStop(Model& model, ReplicaId id, const StopOrder& order) {
  Replica& replica = model.replicas.at(id);
  ReplicaRecord& record = replica.record;
  if (replica.state == ReplicaState::kPending) {
    model.Erase(id);
    return;
  }
  if (replica.state == ReplicaState::kStopping) {
    return;
  }
  if (record.reason != order.reason || record.operator_change != order.operator_change ||
      record.remove_volumes != order.remove_volumes || record.forced != order.forced) {
    record.reason = order.reason;
    record.operator_change = order.operator_change;
    record.remove_volumes = order.remove_volumes;
    record.forced = order.forced;
    model.TouchRecord(replica);
  }
  Service& service = model.services.at(record.service);
  const bool away = replica.state == ReplicaState::kLost && !model.nodes.at(record.node).up();
  if (away && !service.retired) {
    if (!record.superseded) {
      record.superseded = true;
      model.TouchRecord(replica);
      model.ReviewService(record.service);
    }
    return;
  }
  const bool runs =
      replica.state != ReplicaState::kFailed && replica.state != ReplicaState::kCompleted && !away;
  if (!runs) {
    if (AdmitStop(model, model.nodes.at(record.node), replica)) {
      model.SetState(replica, ReplicaState::kStopping);
    }
    return;
  }
  if (replica.state != ReplicaState::kDraining) {
    model.SetState(replica, ReplicaState::kDraining);
  }
  ReviewDrain(model, service, replica);
}

void ReviewDrain(Model& model, Service& service, Replica& replica) {
  const bool forced = replica.record.forced;
  const std::vector<NodeId> waiting = Unconfirmed(model, service, replica);
  if (waiting.empty()) {
    GoOn(model, replica, /*forced=*/false);
    return;
  }
  Duration limit = forced ? service.spec->drain_timeout : model.options.drain_blocked_after;
  if (forced && replica.record.superseded) {
    limit = std::min(limit, kSupersededLimit);
  }
  const Instant due = replica.drain_since + limit;
  if (model.now < due) {
    model.WakeService(service.key, due);
    return;
  }
  if (forced) {
    GoOn(model, replica, /*forced=*/true);
    return;
  }
  std::vector<std::string> names;
  for (const NodeId& edge : waiting) {
    const Node& node = model.nodes.at(edge);
    names.push_back(absl::StrCat(model.NodeName(edge), node.up() ? "" : " (silent)"));
  }
  service.blocked.push_back(absl::StrCat("DrainBlocked: ", Model::ContainerName(replica),
                                         " waits for the confirmation of ", absl::StrJoin(names, ", ")));
}

void Recall(Model& model, Replica& replica) {
  replica.record.reason.clear();
  replica.record.forced = false;
  replica.record.operator_change = false;
  replica.record.remove_volumes = false;
  model.TouchRecord(replica);
  model.SetState(replica, replica.reported.value_or(ReplicaState::kStarting));
  model.TellReplica(replica, "ReplicaRecalled",
                    absl::StrCat(Model::ContainerName(replica), " is needed again and no longer drains"));
}

void NoteEdgeRead(Model& model, Service& service, const Node& edge) {
  const std::string name = model.NodeName(edge.record.id);
  for (const ReplicaId id : service.replicas) {
    Replica& replica = model.replicas.at(id);
    if (replica.state != ReplicaState::kDraining || replica.drain_revision == 0) {
      continue;
    }
    bool applied = true;
    bool known = true;
    int64_t in_flight = 0;
    for (const BackendSet& set : service.sets) {
      if (!ServesAny(set.listeners, name)) {
        continue;
      }
      auto status = edge.edge_sets.find(set.handle);
      if (status == edge.edge_sets.end() || status->second.applied_epoch != model.epoch ||
          status->second.applied_revision.value() < replica.drain_revision) {
        applied = false;
        break;
      }
      const std::vector<EdgeServer>& servers = status->second.servers;
      const auto row = std::find_if(servers.begin(), servers.end(),
                                    [&](const EdgeServer& server) { return server.replica == id; });
      known = known && (row != servers.end() || !Holds(set, id));
      in_flight += row != servers.end() ? row->in_flight : 0;
    }
    auto reads = replica.quiet_reads.find(edge.record.id);
    if (!applied) {
      replica.quiet_reads.erase(edge.record.id);
    } else if (reads == replica.quiet_reads.end()) {
      replica.quiet_reads.emplace(edge.record.id, 0);
    } else {
      reads->second = known && in_flight == 0 ? reads->second + 1 : 0;
      model.ReviewService(service.key);
    }
  }
}

}  // namespace drover::controller
