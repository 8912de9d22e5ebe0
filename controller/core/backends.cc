#include "controller/core/backends.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "controller/core/drain.h"
#include "controller/core/health.h"

namespace drover::controller {
namespace {

constexpr int64_t kSurge = 1;

// In rotation by the set as it is now.
bool IsRouted(const Service& service, uint32_t target, ReplicaId id) {
  return std::any_of(service.sets.begin(), service.sets.end(), [&](const BackendSet& set) {
    return set.target == target &&
           std::any_of(set.backends.begin(), set.backends.end(),
                       [&](const Backend& backend) { return backend.replica == id && !backend.drain; });
  });
}

uint32_t HostPort(const ReplicaRecord& record, uint32_t target) {
  for (const PublishedPort& port : record.published) {
    if (port.container_port == target) {
      return port.host_port;
    }
  }
  return 0;
}

// What the node's label says, within 1 and 256; 1 where it says nothing of the kind.
uint32_t Weight(const Node& node, const std::string& label) {
  for (const auto& [key, value] : node.record.labels) {
    int64_t weight = 1;
    if (key == label && absl::SimpleAtoi(value, &weight)) {
      return static_cast<uint32_t>(std::clamp<int64_t>(weight, 1, 256));
    }
  }
  return 1;
}

std::vector<Backend> BackendsFor(const Model& model, const Service& service, uint32_t target,
                                 const std::string& weight_label) {
  const bool shared_cause = SharedCause(model, service);
  std::vector<Backend> backends;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    const bool draining = replica.state == ReplicaState::kDraining ||
                          (replica.state == ReplicaState::kStopping && replica.ever_ready);
    // With a shared cause the unhealthy stay; nothing that is not ready enters (R6.1).
    const bool stays = shared_cause && Unhealthy(replica) && IsRouted(service, target, id);
    const bool routed = replica.state == ReplicaState::kReady || stays || (draining && replica.ever_ready);
    const uint32_t port = HostPort(replica.record, target);
    if (routed && port != 0) {
      const Node& node = model.nodes.at(replica.record.node);
      backends.push_back({id, node.record.address, port, draining, Weight(node, weight_label)});
    }
  }
  return backends;
}

// Every node that holds a replica of it has said so, or is known to be lost.
bool Known(const Model& model, const Service& service) {
  return model.settled || std::all_of(service.replicas.begin(), service.replicas.end(), [&](ReplicaId id) {
           const NodeId& node = model.replicas.at(id).record.node;
           return node.value().empty() || model.nodes.at(node).reported;
         });
}

// All but handle and revision. `listeners` are those of one port and way.
BackendSet MakeSet(const Model& model, const Service& service, std::vector<ListenerSpec> listeners) {
  BackendSet set;
  set.service = service.key;
  set.target = listeners.front().target;
  set.attach = listeners.front().attach;
  set.traffic = listeners.front().traffic;
  set.epoch = model.epoch;
  set.slots = SlotsFor(*service.spec, service.record.desired);
  if (service.spec->autoscale && service.spec->autoscale->hold > absl::ZeroDuration()) {
    set.hold = service.spec->autoscale->hold;
    set.max_held = static_cast<uint32_t>(service.spec->autoscale->max_held);
  }
  for (const ListenerSpec& listener : listeners) {
    set.http = set.http || (listener.http && listener.pull.empty());
    set.maxconn = std::max(set.maxconn, listener.maxconn);
  }
  set.listeners = std::move(listeners);
  set.backends = BackendsFor(model, service, set.target, set.traffic.weight_label);
  return set;
}

}  // namespace

uint32_t SlotsFor(const ServiceSpec& spec, int64_t desired) {
  const int64_t max = spec.autoscale ? spec.autoscale->max : std::max(spec.replicas, desired);
  return static_cast<uint32_t>(CeilDiv((max + kSurge) * 11, 10) + 1);
}

uint32_t Backends::HandleOf(Service& service, const std::pair<uint32_t, std::string>& set) {
  uint32_t& handle = service.handles[set];
  if (handle == 0) {
    handle = next_handle_++;
    model_.ShowService(service.key);
  }
  model_.set_owners[handle] = service.key;
  return handle;
}

void Backends::ReviewService(Service& service) {
  std::vector<BackendSet> sets;
  if (service.spec) {
    std::map<std::pair<uint32_t, std::string>, std::vector<ListenerSpec>> groups;
    for (const ListenerSpec& listener : service.spec->listeners) {
      groups[{listener.target, listener.attach}].push_back(listener);
    }
    for (auto& [key, listeners] : groups) {
      BackendSet& set = sets.emplace_back(MakeSet(model_, service, std::move(listeners)));
      set.handle = HandleOf(service, key);
    }
  }
  if (service.retired && service.replicas.empty()) {
    sets.clear();
  }
  for (BackendSet& set : sets) {
    set.revision = Revision(service.record.backend_revision);
  }
  const bool first = service.sets.empty() && service.record.backend_revision != 0;
  if (sets != service.sets && !first && !sets.empty()) {
    ++service.record.backend_revision;
    if (service.stored) {
      model_.TouchRecord(service);
    }
    for (BackendSet& set : sets) {
      set.revision = Revision(service.record.backend_revision);
    }
  }
  const bool known = Known(model_, service);
  if ((sets != service.sets || known != service.sets_known) && service.spec &&
      !ConsumersOf(*service.spec).empty()) {
    model_.ShowService(service.key);
  }
  service.sets = std::move(sets);
  service.sets_known = known;
  for (const ReplicaId id : service.replicas) {
    Replica& replica = model_.replicas.at(id);
    if (replica.state == ReplicaState::kDraining && replica.drain_revision == 0) {
      replica.drain_revision = std::max<uint64_t>(service.record.backend_revision, 1);
    }
  }
  if (service.sets.empty()) {
    with_sets_.erase(service.key);
    unknown_.erase(service.key);
    return;
  }
  with_sets_.insert(service.key);
  if (service.sets_known) {
    unknown_.erase(service.key);
  } else {
    unknown_.insert(service.key);
  }
}

void Backends::Send(Node& edge, std::vector<Order>& orders) {
  const std::string name = model_.NodeName(edge.record.id);
  std::vector<BackendSet> sets;
  for (const ServiceKey& key : with_sets_) {
    for (const BackendSet& whole : model_.services.at(key).sets) {
      if (!ServesAny(whole.listeners, name)) {
        continue;
      }
      BackendSet set = whole;
      std::erase_if(set.listeners,
                    [&](const ListenerSpec& listener) { return !ServesListener(listener, name); });
      sets.push_back(std::move(set));
    }
  }
  // An empty list before everybody was heard may be ignorance; the edge keeps what it has.
  if (edge.sent_sets == sets || (sets.empty() && !model_.settled)) {
    return;
  }
  edge.sent_sets = sets;
  orders.push_back(
      {edge.record.id, *edge.stream, BackendSets{model_.epoch, Revision(++list_revision_), std::move(sets)}});
}

void Backends::Review(std::vector<Order>& orders) {
  const std::set<ServiceKey> changed = model_.TakeBackends();
  for (const ServiceKey& key : changed) {
    if (Service* service = model_.FindService(key)) {
      ReviewService(*service);
    } else {
      with_sets_.erase(key);
      unknown_.erase(key);
    }
  }
  const bool edges_changed = model_.TakeEdgesChanged();
  if ((changed.empty() && !edges_changed) || !unknown_.empty()) {
    return;
  }
  for (const NodeId& id : model_.edges) {
    Node& edge = model_.nodes.at(id);
    if (edge.stream) {
      Send(edge, orders);
    }
  }
}

}  // namespace drover::controller
