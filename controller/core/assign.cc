#include "controller/core/assign.h"

#include <utility>

namespace drover::controller {
namespace {

struct Lists {
  std::map<ReplicaId, RunReplica> run;
  std::map<ReplicaId, RemoveReplica> remove;
};

bool Same(const RunReplica& a, const RunReplica& b) {
  return a.quiet == b.quiet && a.hands_off == b.hands_off;
}

bool Same(const RemoveReplica& a, const RemoveReplica& b) {
  return a.reason == b.reason && a.forced == b.forced && a.operator_change == b.operator_change &&
         a.remove_volumes == b.remove_volumes;
}

std::string ImageOf(const Model& model, const Replica& replica) {
  auto service = model.services.find(replica.record.service);
  const bool current = service != model.services.end() && Model::IsCurrent(service->second, replica);
  return current ? service->second.spec->image_id : "";
}

// R3.7: what somebody stops by hand stays so.
bool HandsOff(const Model& model, const ServiceKey& key) {
  auto service = model.services.find(key);
  return model.frozen() || (service != model.services.end() && service->second.record.paused &&
                            !service->second.record.pause_down_only);
}

Lists ListsFor(const Model& model, const Node& node) {
  Lists lists;
  for (const ReplicaId id : node.replicas) {
    const Replica& replica = model.replicas.at(id);
    const ReplicaRecord& record = replica.record;
    if (replica.state == ReplicaState::kStopping) {
      lists.remove[id] = {id, record.reason, record.forced, record.operator_change, record.remove_volumes};
    } else if (!record.superseded) {
      RunReplica run;
      run.id = id;
      run.handle = record.handle;
      run.spec_hash = record.spec_hash;
      run.number = record.number;
      run.published = record.published;
      run.quiet = replica.state == ReplicaState::kDraining;
      run.image_id = ImageOf(model, replica);
      run.hands_off = HandsOff(model, record.service);
      lists.run[id] = std::move(run);
    }
  }
  return lists;
}

template <typename Entry>
std::vector<Entry> NewOrChanged(const std::map<ReplicaId, Entry>& now,
                                const std::map<ReplicaId, Entry>& sent) {
  std::vector<Entry> entries;
  for (const auto& [id, entry] : now) {
    auto before = sent.find(id);
    if (before == sent.end() || !Same(entry, before->second)) {
      entries.push_back(entry);
    }
  }
  return entries;
}

void AddContexts(const Model& model, Node& node, Assignment& assignment) {
  for (const RunReplica& run : assignment.run) {
    auto context = model.contexts.find(run.spec_hash);
    if (context == model.contexts.end() || !node.sent_contexts.insert(run.spec_hash).second) {
      continue;
    }
    const ReplicaRecord& record = model.replicas.at(run.id).record;
    assignment.contexts.push_back({record.service, run.spec_hash, record.stack_revision, context->second});
  }
}

void SendTo(Model& model, Node& node, std::vector<Order>& orders) {
  Lists lists = ListsFor(model, node);
  Assignment assignment;
  assignment.cluster = model.cluster;
  assignment.epoch = model.epoch;
  const bool full = node.sent.value() == 0;
  if (!full) {
    assignment.base_epoch = model.epoch;
    assignment.base_revision = node.sent;
    for (const auto& [id, run] : node.sent_run) {
      if (!lists.run.contains(id) && !lists.remove.contains(id)) {
        assignment.forget.push_back(id);
      }
    }
    for (const auto& [id, remove] : node.sent_remove) {
      if (!lists.remove.contains(id)) {
        assignment.forget.push_back(id);
      }
    }
  }
  assignment.run = NewOrChanged(lists.run, node.sent_run);
  assignment.remove = NewOrChanged(lists.remove, node.sent_remove);
  if (!full && assignment.run.empty() && assignment.remove.empty() && assignment.forget.empty()) {
    return;
  }
  AddContexts(model, node, assignment);
  assignment.revision = Revision(++node.record.revision);
  model.TouchRecord(node);
  for (const auto& [id, run] : lists.run) {
    Replica& replica = model.replicas.at(id);
    if (replica.ordered.value() == 0) {
      replica.ordered = assignment.revision;
    }
  }
  node.sent = assignment.revision;
  node.sent_run = std::move(lists.run);
  node.sent_remove = std::move(lists.remove);
  orders.push_back({node.record.id, *node.stream, std::move(assignment)});
}

}  // namespace

void HandsOffChanged(Model& model, const Service& service) {
  for (const ReplicaId id : service.replicas) {
    if (const NodeId& node = model.replicas.at(id).record.node; !node.value().empty()) {
      model.AssignmentChanged(node);
    }
  }
}

void ReviewAssignments(Model& model, std::vector<Order>& orders) {
  for (const NodeId& id : model.TakeAssignments()) {
    Node* node = model.FindNode(id);
    if (node != nullptr && node->stream) {
      SendTo(model, *node, orders);
    }
  }
}

void ForgetSent(Model& model, const NeedFull& event) {
  Node* node = model.FindNode(event.node);
  if (node == nullptr || node->stream != event.stream) {
    return;
  }
  node->sent = Revision();
  node->sent_run.clear();
  node->sent_remove.clear();
  node->sent_contexts.clear();
  model.AssignmentChanged(event.node);
}

}  // namespace drover::controller
