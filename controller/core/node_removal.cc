#include "controller/core/node_removal.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/liveness.h"
#include "controller/core/operators.h"

namespace drover::controller {
namespace {

constexpr size_t kMostRemembered = 1000;

bool Holds(const Replica& replica) {
  return replica.state != ReplicaState::kFailed && replica.state != ReplicaState::kCompleted &&
         !replica.record.superseded;
}

// A singleton's replica that nobody can be sure to have ended (R7.2); empty: none.
std::string MayStillRun(const Model& model, const Node& node) {
  for (const ReplicaId id : node.replicas) {
    const Replica& replica = model.replicas.at(id);
    const Service& service = model.services.at(replica.record.service);
    if (!service.spec || !service.spec->singleton || replica.state == ReplicaState::kFailed ||
        replica.state == ReplicaState::kCompleted) {
      continue;
    }
    const std::optional<Instant> fenced = FencedAt(model, service, replica);
    if (!fenced || model.now < *fenced) {
      return absl::StrCat(
          Model::ContainerName(replica), " is a singleton and may still run there",
          fenced
              ? absl::StrCat(" for ", absl::FormatDuration(absl::Ceil(*fenced - model.now, absl::Seconds(1))))
              : "; drain the node first");
    }
  }
  return "";
}

absl::Status WhyNotRemoved(const Model& model, const Node& node, const ChangeNode& request) {
  const std::string name = model.NodeName(node.record.id);
  if (std::string singleton = MayStillRun(model, node); !singleton.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": ", singleton));
  }
  if (request.force) {
    return absl::OkStatus();
  }
  size_t held = 0;
  std::vector<std::string> data;
  for (const ReplicaId id : node.replicas) {
    const Replica& replica = model.replicas.at(id);
    held += Holds(replica) ? 1 : 0;
  }
  for (const auto& [key, service] : model.services) {
    if (service.record.data_node == node.record.id && !service.retired) {
      data.push_back(ToString(key));
    }
  }
  if (!data.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " holds the data of ", absl::StrJoin(data, ", "),
                     ", which would never be started anywhere again; --force removes the node all the same"));
  }
  if (node.status != NodeStatus::kLost && held > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, " holds ", held, held == 1 ? " replica" : " replicas", " and is not lost; `drover node drain ",
        name, "` empties it, --force removes it all the same"));
  }
  return absl::OkStatus();
}

void ForgetReplicas(Model& model, Node& node) {
  const std::set<ReplicaId> replicas = node.replicas;
  for (const ReplicaId id : replicas) {
    const Replica& replica = model.replicas.at(id);
    if (Holds(replica)) {
      model.TellReplica(
          replica, "ReplicaForgotten",
          absl::StrCat(Model::ContainerName(replica), " is forgotten with ", model.NodeName(node.record.id)),
          /*warning=*/true);
    }
    model.Erase(id);
  }
}

void ForgetNode(Model& model, const NodeId& id) {
  const bool edge = model.edges.erase(id) > 0;
  model.emptying.erase(id);
  for (auto& [image, nodes] : model.image_nodes) {
    nodes.erase(id);
  }
  model.TouchRecord(model.nodes.at(id));
  model.ShowNode(id);
  model.nodes.erase(id);
  for (auto& [key, service] : model.services) {
    if (edge) {
      model.BackendsChanged(key);
    }
    model.ReviewService(key);  // drains may have waited for it
  }
  for (const auto& [name, stack] : model.stacks) {
    for (const QueueSpec& queue : stack.record.spec.queues) {
      model.ReviewQueue(name, queue.name);
    }
  }
  model.EdgesChanged();
  ReviewSettled(model);
}

void Remember(Model& model, const NodeRecord& record) {
  std::vector<RemovedNode>& removed = model.whole.removed_nodes;
  removed.push_back({record.id, record.name, model.wall});
  if (removed.size() > kMostRemembered) {
    removed.erase(removed.begin());
  }
  model.TouchWhole();
}

}  // namespace

void RemoveNode(Model& model, Node& node, const ChangeNode& request, Reply& reply) {
  reply.status = WhyNotRemoved(model, node, request);
  if (!reply.status.ok()) {
    return;
  }
  const NodeRecord record = node.record;
  reply.message = absl::StrCat(model.NodeName(record.id), " (", record.id.value(), ") is removed");
  TellOperator(model, "NodeRemoved", reply.message, request.who, request.message, {}, record.id);
  ForgetReplicas(model, node);
  ForgetNode(model, record.id);
  Remember(model, record);
}

}  // namespace drover::controller
