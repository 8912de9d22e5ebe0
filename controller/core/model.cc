#include "controller/core/model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace drover::controller {
namespace {

// Start-up times kept between two decisions of a service; more say nothing new.
constexpr size_t kMostStartups = 64;

// The part of a state that is the controller's own and is stored.
ReplicaState StoredPart(ReplicaState state) {
  switch (state) {
    case ReplicaState::kAssigned:
    case ReplicaState::kPulling:
    case ReplicaState::kStarting:
    case ReplicaState::kRunning:
    case ReplicaState::kReady:
    case ReplicaState::kWarm:
    case ReplicaState::kThawing:
      return ReplicaState::kAssigned;
    case ReplicaState::kPending:
    case ReplicaState::kDraining:
    case ReplicaState::kStopping:
    case ReplicaState::kCompleted:
    case ReplicaState::kFailed:
    case ReplicaState::kGone:
    case ReplicaState::kLost:
      return state;
  }
  return state;
}

template <typename Map, typename Key>
auto* Find(Map& map, const Key& key) {
  auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

}  // namespace

Model::Model(const CoreOptions& options_in, const StoredState& stored, const CoreStart& start)
    : options(options_in),
      cluster(stored.cluster),
      epoch(start.epoch),
      started(start.now),
      now(start.now),
      wall(start.wall),
      gap_at(start.now),
      prng_(start.seed) {
  whole = stored.whole;
  Load(stored);
}

void Model::Load(const StoredState& stored) {
  for (const NodeRecord& record : stored.nodes) {
    Node& node = nodes[record.id];
    node.record = record;
    node.last_word = started;
    if (record.edge) {
      edges.insert(record.id);
    }
    if (record.availability == NodeAvailability::kDraining ||
        record.availability == NodeAvailability::kMaintenance) {
      emptying.insert(record.id);
    }
    ShowNode(record.id);
  }
  for (const ServiceRecord& record : stored.services) {
    Service& service = services[record.key];
    service.key = record.key;
    service.record = record;
    service.stored = true;
    service.retired = true;
    service.history.since = started;
    service.history.count_at_start = record.desired;
  }
  for (const StackRecord& record : stored.stacks) {
    stacks[record.name].record = record;
    ShowStack(record.name);
    for (const ServiceSpec& spec : record.spec.services) {
      Service& service = services[{record.name, spec.name}];
      service.key = {record.name, spec.name};
      service.spec = std::make_shared<const ServiceSpec>(spec);
      service.retired = record.removing;
      contexts[spec.spec_hash] = spec.context;
    }
    for (const QueueSpec& queue : record.spec.queues) {
      ReviewQueue(record.name, queue.name);
    }
  }
  for (const ReplicaRecord& record : stored.replicas) {
    Replica& replica = replicas[record.id];
    replica.record = record;
    replica.state = record.state;
    replica.since = started;
    replica.recovered = true;
    replica.ever_ready = true;  // an edge may hold it since before the restart
    if (record.state == ReplicaState::kDraining) {
      replica.drain_since = started;
      draining.insert(record.service);
    }
    services[record.service].key = record.service;
    Index(replica);
    if (HoldsReservation(replica.state) && !record.node.value().empty()) {
      Node& node = nodes[record.node];
      node.reserved = node.reserved + record.reserved;
    }
  }
  for (auto& [key, service] : services) {
    if (!service.spec) {
      service.retired = true;
    }
    ReviewService(key);
    ShowService(key);
  }
}

void Model::Index(Replica& replica) {
  Service& service = services[replica.record.service];
  if (service.replicas.insert(replica.record.id).second) {
    service.numbers.insert(replica.record.number);
    ++service.in(replica.state);
  }
  if (replica.record.node.value().empty()) {
    return;
  }
  Node& node = nodes[replica.record.node];
  node.record.id = replica.record.node;
  node.replicas.insert(replica.record.id);
  node.by_handle[replica.record.handle] = &replica;
  node.published += static_cast<int64_t>(replica.record.published.size());
}

Node* Model::FindNode(const NodeId& id) { return Find(nodes, id); }

Service* Model::FindService(const ServiceKey& key) { return Find(services, key); }

Replica* Model::FindReplica(ReplicaId id) { return Find(replicas, id); }

std::vector<std::string> Model::QueuesHostedBy(const ServiceKey& key) const {
  std::vector<std::string> names;
  auto stack = stacks.find(key.stack);
  if (stack != stacks.end()) {
    for (const QueueSpec& queue : stack->second.record.spec.queues) {
      if (queue.host_service == key.service) {
        names.push_back(queue.name);
      }
    }
  }
  return names;
}

std::string Model::NodeName(const NodeId& id) const {
  auto it = nodes.find(id);
  return it == nodes.end() || it->second.record.name.empty() ? id.value() : it->second.record.name;
}

bool Model::IsCurrent(const Service& service, const Replica& replica) {
  return service.spec && !service.retired && replica.record.spec_hash == service.spec->spec_hash;
}

std::string Model::ContainerName(const Replica& replica) {
  const ReplicaRecord& record = replica.record;
  return absl::StrCat(record.service.stack, "-", record.service.service, "-", record.number);
}

Resources Model::ReservationOf(const Service& service) const {
  const ServiceSpec& spec = *service.spec;
  return {
      spec.reserved_cpu.value_or(options.assumed_cpu),
      spec.reserved_memory ? *spec.reserved_memory : service.memory.P95().value_or(options.assumed_memory)};
}

uint32_t Model::FreeNumber(Service& service) const {
  uint32_t& number = service.lowest_number;
  while (service.numbers.contains(number) || service.taken_numbers.contains(number)) {
    ++number;
  }
  return number;
}

Replica& Model::AddReplica(Service& service, uint32_t number) {
  ReplicaId id;
  while (id.value() == 0 || replicas.contains(id)) {
    id = ReplicaId(prng_.Next());
  }
  Replica& replica = replicas[id];
  replica.record.id = id;
  replica.record.service = service.key;
  replica.record.number = number;
  replica.record.spec_hash = service.spec->spec_hash;
  replica.record.stack_revision = stacks.at(service.key.stack).record.revision;
  replica.record.reserved = ReservationOf(service);
  replica.since = now;
  Index(replica);
  TouchRecord(replica);
  if (number >= service.record.next_number) {
    service.record.next_number = number + 1;
    TouchRecord(service);
  }
  ShowService(service.key);
  return replica;
}

void Model::Bind(Replica& replica, Node& node, std::vector<PublishedPort> ports) {
  DROVER_CHECK(replica.record.node.value().empty());
  replica.record.node = node.record.id;
  replica.record.handle = node.record.next_handle++;
  replica.record.published = std::move(ports);
  replica.waiting.clear();
  Index(replica);
  TouchRecord(node);
  ShowNode(node.record.id);
  SetState(replica, ReplicaState::kAssigned);
}

void Model::NoteStartup(Replica& replica) {
  if (!replica.assigned_since) {
    return;
  }
  Service* service = FindService(replica.record.service);
  if (service != nullptr && service->spec != nullptr &&
      service->spec->spec_hash == replica.record.spec_hash && service->startups.size() < kMostStartups) {
    service->startups.push_back(now - *replica.assigned_since);
  }
  replica.assigned_since.reset();
}

void Model::SetState(Replica& replica, ReplicaState to) {
  const ReplicaState from = replica.state;
  if (from == to) {
    return;
  }
  DROVER_CHECK(IsLegalStep(from, to));
  replica.state = to;
  replica.since = now;
  if (to == ReplicaState::kReady) {
    replica.was_ready = true;
    replica.ever_ready = true;
    replica.ready_since = now;
    NoteStartup(replica);
  } else if (to != ReplicaState::kRunning && to != ReplicaState::kDraining) {
    replica.was_ready = false;
  }
  if (to == ReplicaState::kAssigned) {
    replica.assigned_since = now;
  }
  if (to == ReplicaState::kDraining) {
    replica.drain_since = now;
    replica.drain_revision = 0;
    replica.quiet_reads.clear();
    replica.pulled.clear();
    draining.insert(replica.record.service);
  }
  if (StoredPart(to) != replica.record.state) {
    replica.record.state = StoredPart(to);
    TouchRecord(replica);
  }
  if (Node* node = FindNode(replica.record.node)) {
    if (HoldsReservation(from) && !HoldsReservation(to)) {
      node->reserved = node->reserved - replica.record.reserved;
      RoomChanged();
    } else if (!HoldsReservation(from) && HoldsReservation(to)) {
      node->reserved = node->reserved + replica.record.reserved;
    }
    AssignmentChanged(node->record.id);
    ShowNode(node->record.id, /*soft=*/true);
    LeftNode(*node);
  }
  const ServiceKey& key = replica.record.service;
  BackendsChanged(key);
  ReviewService(key);
  ShowService(key);
  Service& service = services.at(key);
  --service.in(from);
  ++service.in(to);
  service.input_changed = true;
  if (auto waiting = gated.find(key.stack); waiting != gated.end()) {
    review_.insert(waiting->second.begin(), waiting->second.end());
    gated.erase(waiting);
  }
  for (const std::string& queue : QueuesHostedBy(key)) {
    ReviewQueue(key.stack, queue);
  }
}

void Model::Erase(ReplicaId id) {
  Replica& replica = replicas.at(id);
  const ServiceKey key = replica.record.service;
  if (Node* node = FindNode(replica.record.node)) {
    if (HoldsReservation(replica.state)) {
      node->reserved = node->reserved - replica.record.reserved;
    }
    node->replicas.erase(id);
    node->by_handle.erase(replica.record.handle);
    node->published -= static_cast<int64_t>(replica.record.published.size());
    for (const ServiceKey& waiting : std::exchange(node->waiting_to_stop, {})) {
      ReviewService(waiting);
    }
    AssignmentChanged(node->record.id);
    ShowNode(node->record.id);
    LeftNode(*node);
  }
  Service& service = services.at(key);
  service.replicas.erase(id);
  --service.in(replica.state);
  service.numbers.erase(service.numbers.find(replica.record.number));
  service.lowest_number = std::min(service.lowest_number, replica.record.number);
  service.input_changed = true;
  dirty_replicas_.insert(id);
  replicas.erase(id);
  RoomChanged();
  BackendsChanged(key);
  ReviewService(key);
  ShowService(key);
}

void Model::LeftNode(const Node& node) {
  if (!node.empty_told) {
    WakeAt({TimerKey::Kind::kAvailability, node.record.id.value(), ""}, now);
  }
}

void Model::MaybeForget(ServiceKey key) {
  auto it = services.find(key);
  if (it != services.end() && it->second.retired && !it->second.stored && it->second.replicas.empty()) {
    for (const auto& [of, handle] : it->second.handles) {
      set_owners.erase(handle);
      for (const NodeId& edge : edges) {
        nodes.at(edge).edge_readings.erase(handle);
      }
    }
    services.erase(it);
    draining.erase(key);
    waiting_for_room.erase(key);
    short_of_room.erase(key);
    global.erase(key);
    ShowService(key);
  }
}

void Model::TouchRecord(const Stack& stack) {
  dirty_stacks_.insert(stack.record.name);
  ShowStack(stack.record.name);
}

void Model::TouchRecord(const Service& service) {
  dirty_services_.insert(service.key);
  ShowService(service.key);
}

void Model::TouchRecord(const Replica& replica) {
  dirty_replicas_.insert(replica.record.id);
  ShowService(replica.record.service);
}

void Model::TouchRecord(const Node& node) { dirty_nodes_.insert(node.record.id); }

void Model::ReviewStack(const std::string& stack) {
  for (auto it = services.lower_bound({stack, ""}); it != services.end() && it->first.stack == stack; ++it) {
    ReviewService(it->first);
  }
}

void Model::RoomChanged() {
  review_.insert(waiting_for_room.begin(), waiting_for_room.end());
  waiting_for_room.clear();
}

void Model::NodesChanged() {
  RoomChanged();
  review_.insert(global.begin(), global.end());
}

void Model::ShowService(const ServiceKey& key, bool soft) {
  (soft ? stale_services_soft : stale_services).insert(key);
}

void Model::ShowNode(const NodeId& id, bool soft) { (soft ? stale_nodes_soft : stale_nodes).insert(id); }

std::vector<StoreChange> Model::TakeChanges() {
  std::vector<StoreChange> changes;
  if (std::exchange(dirty_whole_, false)) {
    changes.emplace_back(whole);
  }
  for (const NodeId& id : std::exchange(dirty_nodes_, {})) {
    if (const Node* node = FindNode(id)) {
      changes.emplace_back(node->record);
    } else {
      changes.emplace_back(DeleteNode{id});
    }
  }
  for (const std::string& name : std::exchange(dirty_stacks_, {})) {
    if (const Stack* stack = Find(stacks, name)) {
      changes.emplace_back(stack->record);
    } else {
      changes.emplace_back(DeleteStack{name});
    }
  }
  for (const ServiceKey& key : std::exchange(dirty_services_, {})) {
    const Service* service = FindService(key);
    if (service != nullptr && service->stored) {
      changes.emplace_back(service->record);
    } else {
      changes.emplace_back(DeleteService{key});
    }
  }
  for (const ReplicaId id : std::exchange(dirty_replicas_, {})) {
    if (const Replica* replica = FindReplica(id)) {
      changes.emplace_back(replica->record);
    } else {
      changes.emplace_back(DeleteReplica{id});
    }
  }
  return changes;
}

void Model::TouchWhole() {
  dirty_whole_ = true;
  ShowStatus();
}

void Model::WakeAt(const TimerKey& key, Instant at) {
  auto [it, added] = timers_.try_emplace(key, at);
  if (!added) {
    if (it->second <= at) {
      return;
    }
    due_.erase({it->second, key});
    it->second = at;
  }
  due_.insert({at, key});
}

std::vector<TimerKey> Model::TakeDue() {
  std::vector<TimerKey> keys;
  while (!due_.empty() && due_.begin()->first <= now) {
    keys.push_back(due_.begin()->second);
    timers_.erase(due_.begin()->second);
    due_.erase(due_.begin());
  }
  return keys;
}

std::optional<Instant> Model::NextDue() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

void Model::Tell(News news) {
  EventRecord event;
  event.id = epoch.value() << 32 | ++event_count_;
  event.at = wall;
  event.type = std::move(news.type);
  event.reason = std::move(news.reason);
  event.message = std::move(news.message);
  event.service = std::move(news.service);
  event.replica = news.replica;
  event.node = std::move(news.node);
  event.warning = news.warning;
  events_.push_back(std::move(event));
}

void Model::TellReplica(const Replica& replica, std::string reason, std::string message, bool warning) {
  Tell({"replica", std::move(reason), std::move(message), replica.record.service, replica.record.id,
        replica.record.node, warning});
}

}  // namespace drover::controller
