#include "controller/core/probes.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace drover::controller {
namespace {

constexpr Duration kSilence = absl::Seconds(2);  // R4.3
// Terms of one controller life start above those of all earlier ones.
constexpr int kTermBits = 24;

const QueueSpec* SpecOf(const Model& model, const std::string& stack, const std::string& queue) {
  auto it = model.stacks.find(stack);
  if (it == model.stacks.end() || it->second.record.removing) {
    return nullptr;
  }
  for (const QueueSpec& spec : it->second.record.spec.queues) {
    if (spec.name == queue) {
      return &spec;
    }
  }
  return nullptr;
}

bool Runs(const Replica& replica) {
  return (replica.state == ReplicaState::kRunning || replica.state == ReplicaState::kReady) &&
         !replica.detail.address.empty();
}

// The replica of the host service that runs on `node`; null: none.
const Replica* HostReplica(const Model& model, const std::string& stack, const QueueSpec& spec,
                           const NodeId& node) {
  auto service = model.services.find({stack, spec.host_service});
  if (service == model.services.end()) {
    return nullptr;
  }
  for (const ReplicaId id : service->second.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.record.node == node && Runs(replica)) {
      return &replica;
    }
  }
  return nullptr;
}

bool SameProbe(const Probe& a, const Probe& b) {
  return a.handle == b.handle && a.term == b.term && a.probe == b.probe && a.host == b.host &&
         a.port == b.port && a.interval == b.interval && a.notify_above == b.notify_above &&
         a.standby == b.standby;
}

}  // namespace

const QueueState* Probes::Find(const std::string& stack, const std::string& queue) const {
  auto it = queues_.find({stack, queue});
  return it == queues_.end() ? nullptr : &it->second;
}

void Probes::Fold(const Node& node, const NodeReport& report, Duration excess) {
  for (const QueueReading& reading : report.queues) {
    auto key = by_handle_.find(reading.probe);
    if (key == by_handle_.end()) {
      continue;
    }
    QueueState& state = queues_.at(key->second);
    // A demoted primary that still talks is older than what its successor has said.
    if (reading.term < state.reading_term || reading.term > state.term) {
      continue;
    }
    if (node.record.id == state.primary) {
      state.heard = model_.now;
    }
    state.reading_term = reading.term;
    state.measured = report.now - excess - reading.age;
    state.reading = reading;
    InputChanged(key->second);
  }
}

void Probes::InputChanged(const Key& key) {
  for (auto it = model_.services.lower_bound({key.first, ""});
       it != model_.services.end() && it->first.stack == key.first; ++it) {
    Service& service = it->second;
    if (!service.spec || !service.spec->autoscale) {
      continue;
    }
    for (const SignalSpec& signal : service.spec->autoscale->signals) {
      if (signal.kind == SignalSpec::Kind::kQueue && signal.queue == key.second) {
        service.input_changed = true;
        model_.ReviewService(service.key);
      }
    }
  }
}

QueueState& Probes::StateOf(const Key& key, const QueueSpec& spec) {
  QueueState& state = queues_[key];
  if (state.handle == 0) {
    state.handle = next_handle_++;
    by_handle_[state.handle] = key;
  }
  if (state.spec != spec) {
    state.reading.reset();
    state.spec = spec;
  }
  return state;
}

Reply Probes::Push(const PushMetric& metric) {
  Reply reply;
  reply.request = metric.request;
  const auto stack = model_.stacks.find(metric.stack);
  if (stack == model_.stacks.end() || stack->second.record.removing) {
    reply.status = absl::NotFoundError(absl::StrCat("no stack \"", metric.stack, "\""));
    return reply;
  }
  std::set<std::string> declared;
  for (const QueueSpec& spec : stack->second.record.spec.queues) {
    if (spec.pushed == metric.name) {
      const Key key = {metric.stack, spec.name};
      QueueState& state = StateOf(key, spec);
      state.reading.emplace().ready = metric.value;
      state.measured = model_.now;
      InputChanged(key);
      reply.message = absl::StrCat(metric.stack, "/", metric.name, " is ", metric.value,
                                   metric.unit.empty() ? "" : " ", metric.unit);
    }
    if (!spec.pushed.empty()) {
      declared.insert(spec.pushed);
    }
  }
  if (reply.message.empty()) {
    reply.status = absl::NotFoundError(absl::StrCat(
        "stack ", metric.stack, " has no queue with `pushed: ", metric.name, "` under x-queues; it has ",
        declared.empty() ? "none that is pushed" : absl::StrJoin(declared, ", ")));
  }
  return reply;
}

Duration Probes::SilenceOf(const QueueSpec& spec) {
  // The first word comes when the first read is over.
  return kSilence + std::max(spec.timeout - absl::Seconds(1), absl::ZeroDuration());
}

std::vector<NodeId> Probes::Eligible(const Key& key, const QueueSpec& spec) const {
  std::vector<NodeId> eligible;
  if (!spec.host_service.empty()) {
    auto service = model_.services.find({key.first, spec.host_service});
    if (service == model_.services.end()) {
      return eligible;
    }
    std::set<NodeId> nodes;
    for (const ReplicaId id : service->second.replicas) {
      const Replica& replica = model_.replicas.at(id);
      if (Runs(replica) && model_.nodes.at(replica.record.node).up()) {
        nodes.insert(replica.record.node);
      }
    }
    eligible.assign(nodes.begin(), nodes.end());
    return eligible;
  }
  for (const auto& [id, node] : model_.nodes) {
    if (node.up()) {
      eligible.push_back(id);
    }
  }
  return eligible;
}

void Probes::Promote(const Key& key, QueueState& state, const NodeId& to, const std::string& why) {
  const bool first = state.primary.value().empty() && state.term == 0;
  state.term = state.term == 0 ? (model_.epoch.value() << kTermBits) + 1 : state.term + 1;
  state.primary = to;
  state.promoted = model_.now;
  state.heard.reset();
  if (!first) {
    model_.Tell({"signal",
                 "ProbePromoted",
                 absl::StrCat("queue ", key.first, "/", key.second, " is now measured by ",
                              model_.NodeName(to), ": ", why),
                 {},
                 {},
                 to});
  }
}

void Probes::ReviewQueue(const Key& key, std::set<NodeId>& touched) {
  const QueueSpec* spec = SpecOf(model_, key.first, key.second);
  auto known = queues_.find(key);
  const auto release = [&](const NodeId& node) {
    if (!node.value().empty()) {
      of_node_[node].erase(key);
      touched.insert(node);
    }
  };
  if (spec == nullptr) {
    if (known != queues_.end()) {
      release(known->second.primary);
      release(known->second.standby);
      by_handle_.erase(known->second.handle);
      queues_.erase(known);
    }
    return;
  }
  QueueState& state = StateOf(key, *spec);
  if (!spec->pushed.empty()) {
    release(state.primary);
    release(state.standby);
    state.primary = state.standby = NodeId();
    return;
  }
  const std::vector<NodeId> eligible = Eligible(key, *spec);
  const auto is_eligible = [&](const NodeId& id) {
    return std::binary_search(eligible.begin(), eligible.end(), id);
  };
  release(state.primary);
  release(state.standby);
  // One after the other, from a place that differs per queue, so that queues spread over the nodes.
  const auto pick = [&](const NodeId& other_than) {
    for (size_t i = 0; i < eligible.size(); ++i) {
      const NodeId& id = eligible[(state.handle - 1 + i) % eligible.size()];
      if (id != other_than) {
        return id;
      }
    }
    return NodeId();
  };
  if (!is_eligible(state.standby)) {
    state.standby = NodeId();
  }
  const bool silent = model_.now - state.heard.value_or(state.promoted) >= SilenceOf(*spec);
  if (!is_eligible(state.primary)) {
    const NodeId next = !state.standby.value().empty() ? state.standby : pick(state.primary);
    if (!next.value().empty()) {
      Promote(key, state, next, "the former node cannot any more");
    } else {
      state.primary = NodeId();
    }
  } else if (silent && eligible.size() > 1) {
    Promote(key, state, !state.standby.value().empty() ? state.standby : pick(state.primary),
            absl::StrCat("the former node was silent for ", absl::FormatDuration(SilenceOf(*spec))));
    state.standby = NodeId();
  }
  if (state.standby.value().empty() || state.standby == state.primary) {
    state.standby = pick(state.primary);
  }
  for (const NodeId& node : {state.primary, state.standby}) {
    if (!node.value().empty()) {
      of_node_[node].insert(key);
      touched.insert(node);
    }
  }
  if (!state.primary.value().empty()) {
    const Instant due = state.heard.value_or(state.promoted) + SilenceOf(*spec);
    model_.WakeAt({TimerKey::Kind::kQueue, key.first, key.second},
                  due > model_.now ? due : model_.now + SilenceOf(*spec));
  }
}

double Probes::NotifyAbove(const Key& key) const {
  double lowest = std::numeric_limits<double>::infinity();
  for (auto it = model_.services.lower_bound({key.first, ""});
       it != model_.services.end() && it->first.stack == key.first; ++it) {
    const Service& service = it->second;
    if (!service.spec || !service.spec->autoscale || service.record.desired >= service.spec->autoscale->max) {
      continue;
    }
    for (const SignalSpec& signal : service.spec->autoscale->signals) {
      if (signal.kind == SignalSpec::Kind::kQueue && signal.queue == key.second) {
        const double desired = static_cast<double>(service.record.desired);
        const double above = service.record.desired == 0
                                 ? signal.activation
                                 : desired * signal.target * (1 + service.spec->autoscale->tolerance);
        lowest = std::min(lowest, above);
      }
    }
  }
  return lowest == std::numeric_limits<double>::infinity() ? std::numeric_limits<double>::max() : lowest;
}

void Probes::Send(Node& node, std::vector<Order>& orders) {
  if (!node.stream) {
    return;
  }
  std::vector<Probe> probes;
  for (const Key& key : of_node_[node.record.id]) {
    const QueueSpec& spec = *SpecOf(model_, key.first, key.second);
    const QueueState& state = queues_.at(key);
    Probe probe;
    probe.handle = state.handle;
    probe.term = state.term;
    probe.stack = key.first;
    probe.probe = spec.probe;
    if (!spec.host_service.empty()) {
      const Replica* host = HostReplica(model_, key.first, spec, node.record.id);
      probe.host = host != nullptr ? host->detail.address : "";
      probe.port = spec.host_port;
    }
    probe.interval = spec.interval;
    probe.notify_above = NotifyAbove(key);
    probe.standby = node.record.id != state.primary;
    probes.push_back(std::move(probe));
  }
  if (node.sent_probes && std::equal(probes.begin(), probes.end(), node.sent_probes->begin(),
                                     node.sent_probes->end(), SameProbe)) {
    return;
  }
  node.sent_probes = probes;
  orders.push_back({node.record.id, *node.stream, ProbeAssignment{model_.epoch, std::move(probes)}});
}

void Probes::Review(std::vector<Order>& orders) {
  std::set<NodeId> touched = model_.TakeProbes();
  for (const Key& key : model_.TakeQueues()) {
    ReviewQueue(key, touched);
  }
  for (const NodeId& id : touched) {
    if (Node* node = model_.FindNode(id)) {
      Send(*node, orders);
    }
  }
}

}  // namespace drover::controller
