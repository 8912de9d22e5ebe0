#include "controller/core/liveness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/availability.h"

namespace drover::controller {
namespace {

constexpr Duration kDelayWindow = absl::Minutes(5);
constexpr Duration kGap = absl::Seconds(2);
constexpr Duration kMassWindow = absl::Seconds(10);
constexpr size_t kMassNodes = 4;
constexpr Duration kSingletonFence = absl::Seconds(20);

Duration SuspectAfter(const Model& model) {
  return std::max(absl::Seconds(2), 2 * model.options.report_interval);
}

Duration LostAfter(const Model& model) {
  return std::max(absl::Seconds(5), 5 * model.options.report_interval);
}

// When the node will be lost unless it speaks.
Instant LostAt(const Model& model, const Node& node) {
  const Instant by_silence = node.last_word + LostAfter(model);
  if (node.heard && node.last_word > model.gap_at) {
    return by_silence;
  }
  const Duration patience = node.stream ? model.options.settle_connected : model.options.settle_disconnected;
  return std::max(by_silence, model.gap_at + patience);
}

// Which nodes can measure has changed.
void ReviewQueues(Model& model) {
  for (const auto& [name, stack] : model.stacks) {
    for (const QueueSpec& queue : stack.record.spec.queues) {
      model.ReviewQueue(name, queue.name);
    }
  }
}

// Its silence is what an operator has announced.
bool IsAwayByIntent(const Node& node) { return node.record.availability == NodeAvailability::kMaintenance; }

void SetStatus(Model& model, Node& node, NodeStatus status) {
  if (node.status == status) {
    return;
  }
  const NodeStatus before = node.status;
  node.status = status;
  model.ShowNode(node.record.id);
  const std::string name = model.NodeName(node.record.id);
  const std::string silent =
      absl::FormatDuration(absl::Trunc(model.now - node.last_word, absl::Milliseconds(1)));
  std::string reason;
  std::string message;
  switch (status) {
    case NodeStatus::kUp:
      reason = "NodeUp";
      message = absl::StrCat(name, before == NodeStatus::kNeverSeen ? " is up" : " is back");
      break;
    case NodeStatus::kSuspect:
      reason = "NodeSuspect";
      message = absl::StrCat(name, " silent for ", silent);
      break;
    case NodeStatus::kLost:
      reason = "NodeLost";
      message = absl::StrCat(name, " silent for ", silent, "; its replicas count as lost");
      break;
    case NodeStatus::kNeverSeen:
      break;
  }
  const bool expected = status == NodeStatus::kUp || IsAwayByIntent(node);
  if (status != NodeStatus::kUp && expected) {
    absl::StrAppend(&message, " (", AvailabilityText(node.record), ")");
  }
  model.Tell({"node", reason, message, {}, {}, node.record.id, !expected});
  std::set<ServiceKey> services;
  for (const ReplicaId id : node.replicas) {
    services.insert(model.replicas.at(id).record.service);
  }
  for (const ServiceKey& key : services) {
    model.ReviewService(key);
    model.BackendsChanged(key);
    model.ShowService(key);
  }
  for (const auto& [handle, readings] : node.edge_readings) {
    if (const auto owner = model.set_owners.find(handle); owner != model.set_owners.end()) {
      model.ShowService(owner->second);  // what its requests take is known no longer, or again
    }
  }
  ReviewQueues(model);
  if (status == NodeStatus::kUp) {
    model.NodesChanged();
  }
}

void LoseReplicas(Model& model, Node& node) {
  const std::set<ReplicaId> replicas = node.replicas;
  for (const ReplicaId id : replicas) {
    Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kStopping || replica.state == ReplicaState::kCompleted ||
        replica.state == ReplicaState::kFailed || replica.state == ReplicaState::kLost) {
      continue;
    }
    if (replica.state == ReplicaState::kDraining) {
      replica.record.superseded = true;
      model.TouchRecord(replica);
    }
    model.SetState(replica, ReplicaState::kLost);
    model.TellReplica(replica, "ReplicaLost",
                      absl::StrCat(Model::ContainerName(replica), " is on ", model.NodeName(node.record.id),
                                   ", which is lost"),
                      /*warning=*/!IsAwayByIntent(node));
  }
}

std::string DomainOf(const Model& model, const Node& node) {
  for (const auto& [key, value] : node.record.labels) {
    if (key == model.options.failure_domain) {
      return value;
    }
  }
  return "";
}

// R2.5: counts the nodes that fell silent within one window.
void ReviewMassSilence(Model& model, const Node& newest) {
  size_t all = 0;
  size_t silent = 0;
  const std::string domain = DomainOf(model, newest);
  size_t in_domain = 0;
  size_t silent_in_domain = 0;
  for (const auto& [id, node] : model.nodes) {
    if (IsAwayByIntent(node)) {
      continue;
    }
    ++all;
    const bool fell = node.status != NodeStatus::kUp && node.status != NodeStatus::kNeverSeen &&
                      newest.last_word - node.last_word <= kMassWindow;
    silent += fell ? 1 : 0;
    if (!domain.empty() && DomainOf(model, node) == domain) {
      ++in_domain;
      silent_in_domain += fell ? 1 : 0;
    }
  }
  const bool third = all >= kMassNodes && silent * 3 > all;
  const bool whole_domain = in_domain >= 2 && in_domain < all && silent_in_domain == in_domain;
  if (IsAwayByIntent(newest) || (!third && !whole_domain) || model.mass_recovery) {
    return;
  }
  model.mass_recovery = true;
  model.mass_hold_until = model.now + model.options.mass_hold;
  model.WakeAt({TimerKey::Kind::kMassHold, "", ""}, *model.mass_hold_until);
  model.Tell(
      {"node",
       "MassLossHold",
       absl::StrCat(
           silent, " of ", all, " nodes fell silent together",
           whole_domain ? absl::StrCat(" (all of ", model.options.failure_domain, " ", domain, ")") : "",
           ": nothing is replaced for ", absl::FormatDuration(model.options.mass_hold)),
       {},
       {},
       {},
       true});
}

bool RefuseHello(Model& model, const NodeConnected& hello, std::vector<Order>& orders) {
  const auto refuse = [&](Refuse::Code code, std::string message) {
    model.Tell({"node", "NodeRefused", message, {}, {}, hello.node, true});
    orders.push_back({hello.node, hello.stream, Refuse{code, std::move(message)}});
    return true;
  };
  if (!hello.cluster.value().empty() && hello.cluster != model.cluster) {
    return refuse(Refuse::Code::kClusterMismatch,
                  absl::StrCat("node ", hello.name, " belongs to cluster ", hello.cluster.value(),
                               ", this controller is of cluster ", model.cluster.value()));
  }
  const auto& removed = model.whole.removed_nodes;
  if (std::any_of(removed.begin(), removed.end(),
                  [&](const RemovedNode& node) { return node.id == hello.node; })) {
    return refuse(
        Refuse::Code::kRemoved,
        absl::StrCat("node ", hello.name, " (", hello.node.value(),
                     ") was removed by an operator; to join again it needs another node id: stop its "
                     "agent, delete the file `node` in its state_dir, start it"));
  }
  const Node* known = model.FindNode(hello.node);
  if (known != nullptr && known->stream && known->record.engine_id != hello.engine_id) {
    return refuse(Refuse::Code::kNodeIdInUse,
                  absl::StrCat("node id ", hello.node.value(), " is in use by ", known->record.name,
                               " with another Docker Engine; give this host a node id of its own"));
  }
  if (hello.highest_epoch > model.epoch) {
    model.deposed = absl::StrCat("node ", hello.name, " has obeyed epoch ", hello.highest_epoch.value(),
                                 ", ours is ", model.epoch.value(),
                                 ": another controller or a newer store decides; this one does nothing");
    model.ShowStatus();
    return refuse(Refuse::Code::kNotLeader, model.deposed);
  }
  return false;
}

void NoteOrphan(Model& model, Node& node, const FoundReplica& found) {
  const bool known = std::any_of(node.orphans.begin(), node.orphans.end(), [&](const FoundReplica& orphan) {
    return orphan.id == found.id && orphan.container_id == found.container_id;
  });
  if (!known) {
    model.Tell({"replica",
                "OrphanFound",
                absl::StrCat(found.name, " (", found.stack, "/", found.service, ") runs on ",
                             model.NodeName(node.record.id),
                             " and is in no record of this cluster; it is left alone"),
                {},
                found.id,
                node.record.id,
                true});
  }
}

// R10.4: an agent that connects anew may have another policy.
void ForgetRefusals(Model& model, Node& node) {
  const std::map<std::string, Instant> refused = std::exchange(node.refused_specs, {});
  for (auto& [key, service] : model.services) {
    if (!refused.empty() && service.spec && refused.contains(service.spec->spec_hash)) {
      service.failures = 0;
      model.ReviewService(key);
    }
  }
}

}  // namespace

void SetOrphans(Model& model, Node& node, const std::vector<FoundReplica>& found) {
  std::vector<FoundReplica> orphans;
  for (const FoundReplica& replica : found) {
    const Replica* known = replica.cluster == model.cluster ? model.FindReplica(replica.id) : nullptr;
    if (known == nullptr || known->record.node != node.record.id) {
      NoteOrphan(model, node, replica);
      orphans.push_back(replica);
    }
  }
  if (orphans.size() != node.orphans.size()) {
    model.ShowNode(node.record.id);
  }
  node.orphans = std::move(orphans);
}

void Connect(Model& model, const NodeConnected& hello, std::vector<Order>& orders) {
  const Node* known = model.FindNode(hello.node);
  // Streams of one agent may be read by several threads: what an older one says comes too late.
  if (known != nullptr && hello.stream < known->newest_stream) {
    return;
  }
  if (RefuseHello(model, hello, orders)) {
    return;
  }
  Node& node = model.nodes[hello.node];
  const NodeRecord before = node.record;
  NodeRecord& record = node.record;
  record.id = hello.node;
  record.name = hello.name;
  record.engine_id = hello.engine_id;
  record.address = hello.address;
  record.port_first = hello.port_first;
  record.port_last = hello.port_last;
  record.edge = record.edge || hello.edge;
  record.edge_bind = hello.edge_bind;
  record.capacity = hello.capacity;
  record.labels = hello.labels;
  if (record != before) {
    model.TouchRecord(node);
  }
  if (record.edge) {
    model.edges.insert(hello.node);
  }
  node.stream = hello.stream;
  node.newest_stream = hello.stream;
  node.reported = false;
  node.applied_epoch = hello.applied_epoch;
  node.applied_revision = hello.applied_revision;
  node.sent = Revision();
  node.sent_run.clear();
  node.sent_remove.clear();
  node.sent_contexts.clear();
  node.sent_probes.reset();
  node.sent_sets.reset();
  node.edge_sets.clear();
  node.smallest_delay = {};
  node.delay_window = model.now;
  node.version = hello.version;
  node.engine = hello.engine;
  node.metrics_address = hello.metrics_address;
  NoteDelay(node, hello.now, hello.sent);
  Hear(model, node, hello.now);
  SetOrphans(model, node, hello.found);
  ForgetRefusals(model, node);
  orders.push_back({hello.node, hello.stream, Welcome{model.cluster, model.epoch, model.settled}});
  model.AssignmentChanged(hello.node);
  model.ProbesChanged(hello.node);
  ReviewQueues(model);  // also when it was away too briefly to be suspect
  model.EdgesChanged();
  model.NodesChanged();
  model.ShowNode(hello.node);
  ReviewSettled(model);
}

void Disconnect(Model& model, const NodeDisconnected& event) {
  Node* node = model.FindNode(event.node);
  if (node == nullptr || node->stream != event.stream) {
    return;
  }
  node->stream.reset();
  node->reported = false;
  model.ShowNode(event.node);
  ReviewNode(model, *node);
}

Duration NoteDelay(Node& node, Instant received, Instant sent) {
  // The two clocks have nothing in common but their pace, so only differences of this mean something.
  const Duration delay = received - sent;
  if (received - node.delay_window > kDelayWindow) {
    node.smallest_delay = {std::nullopt, node.smallest_delay[0]};
    node.delay_window = received;
  }
  std::optional<Duration>& running = node.smallest_delay[0];
  running = running ? std::min(*running, delay) : delay;
  const Duration smallest = std::min(*running, node.smallest_delay[1].value_or(*running));
  return delay - smallest;
}

void Hear(Model& model, Node& node, Instant word) {
  node.last_word = node.heard ? std::max(node.last_word, word) : word;
  node.heard = true;
  ReviewNode(model, node);
}

void ReviewNode(Model& model, Node& node) {
  const Instant lost_at = LostAt(model, node);
  // What was sent while we did not run is still in the queue (R2.4).
  const Instant suspect_at = std::max(node.last_word, model.gap_at) + SuspectAfter(model);
  if (model.now >= lost_at) {
    if (node.status != NodeStatus::kLost) {
      node.lost_since = model.now;
      SetStatus(model, node, NodeStatus::kLost);
      LoseReplicas(model, node);
      ReviewMassSilence(model, node);
    }
    ReviewSettled(model);
    return;
  }
  if (node.heard && model.now >= suspect_at) {
    if (node.status == NodeStatus::kUp) {
      node.suspect_since = model.now;
      SetStatus(model, node, NodeStatus::kSuspect);
    }
    model.WakeNode(node, lost_at);
    return;
  }
  if (node.heard) {
    SetStatus(model, node, NodeStatus::kUp);
  }
  model.WakeNode(node, node.heard ? suspect_at : lost_at);
}

void NoteTime(Model& model, Instant now) {
  if (now <= model.now) {
    return;
  }
  if (now - model.now > kGap) {
    model.gap_at = now;
  }
  model.wall += now - model.now;  // until the next tick says it exactly
  model.now = now;
}

void ReviewSettled(Model& model) {
  if (model.settled) {
    return;
  }
  Instant next = model.started + model.options.settle_disconnected;
  bool waiting = false;
  for (const auto& [id, node] : model.nodes) {
    if (node.reported || node.status == NodeStatus::kLost) {
      continue;
    }
    const Instant until =
        model.started + (node.stream ? model.options.settle_connected : model.options.settle_disconnected);
    if (model.now < until) {
      waiting = true;
      next = std::min(next, until);
    }
  }
  if (waiting) {
    model.WakeAt({TimerKey::Kind::kSettle, "", ""}, next);
    return;
  }
  model.settled = true;
  model.EdgesChanged();
  for (auto& [key, service] : model.services) {
    service.input_changed = true;
    model.BackendsChanged(key);
    model.ReviewService(key);
  }
}

std::optional<Instant> ReplaceAt(const Model& model, const Service& service, const Replica& replica,
                                 std::string* why) {
  const Node& node = model.nodes.at(replica.record.node);
  const std::string name = model.NodeName(node.record.id);
  if (service.spec->pinned()) {
    *why = absl::StrCat("NodeOfItsDataIsAway: ", Model::ContainerName(replica), " keeps its data on ", name,
                        ", which is lost; it is not started anywhere else");
    return std::nullopt;
  }
  if (service.spec->task) {
    *why = absl::StrCat("TaskNodeIsAway: ", Model::ContainerName(replica), " may still run on ", name,
                        ", which is lost; a task is not run twice");
    return std::nullopt;
  }
  if (node.status != NodeStatus::kLost) {
    *why = absl::StrCat(Model::ContainerName(replica), " is on ", name, ", which has not reported yet");
    return std::nullopt;
  }
  Instant at = node.lost_since + service.spec->replace_after;
  if (service.spec->singleton) {
    at = std::max(at, *FencedAt(model, service, replica));
  }
  *why = absl::StrCat(Model::ContainerName(replica), " is lost with ", name, "; replaced after ",
                      absl::FormatDuration(absl::Ceil(at - model.now, absl::Seconds(1))));
  return at;
}

std::optional<Instant> FencedAt(const Model& model, const Service& service, const Replica& replica) {
  const Node& node = model.nodes.at(replica.record.node);
  if (!service.spec || !service.spec->singleton || node.status != NodeStatus::kLost) {
    return std::nullopt;
  }
  return node.last_word + kSingletonFence + service.spec->stop_grace;
}

bool AdmitReplacement(Model& model, Service& service, int64_t active) {
  if (!model.mass_recovery) {
    return true;
  }
  if (model.mass_hold_until && model.now < *model.mass_hold_until) {
    model.WakeService(service.key, *model.mass_hold_until);
    return false;
  }
  const int64_t min = service.spec->autoscale ? service.spec->autoscale->min : service.record.desired;
  if (active < min) {
    return true;
  }
  if (model.now < model.next_replacement) {
    model.WakeService(service.key, model.next_replacement);
    return false;
  }
  const int64_t a_minute = std::max<int64_t>(1, static_cast<int64_t>(model.replicas.size()) / 10);
  model.next_replacement = model.now + absl::Minutes(1) / a_minute;
  return true;
}

}  // namespace drover::controller
