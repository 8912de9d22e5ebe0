#include "tests/sim/store.h"

#include <variant>

namespace drover::sim {
namespace {

struct Applier {
  Store& store;

  void operator()(const controller::StackRecord& r) { store.stacks[r.name] = r; }

  void operator()(const controller::ServiceRecord& r) { store.services[r.key] = r; }

  void operator()(const controller::ReplicaRecord& r) { store.replicas[r.id] = r; }

  void operator()(const controller::NodeRecord& r) { store.nodes[r.id] = r; }

  void operator()(const controller::ClusterRecord& r) { store.whole = r; }

  void operator()(const controller::DeleteStack& d) { store.stacks.erase(d.name); }

  void operator()(const controller::DeleteService& d) { store.services.erase(d.key); }

  void operator()(const controller::DeleteReplica& d) { store.replicas.erase(d.id); }

  void operator()(const controller::DeleteNode& d) { store.nodes.erase(d.id); }
};

template <typename Map, typename List>
void Copy(const Map& from, List& to) {
  for (const auto& [key, record] : from) {
    to.push_back(record);
  }
}

}  // namespace

void Store::Apply(const std::vector<controller::StoreChange>& changes) {
  for (const controller::StoreChange& change : changes) {
    std::visit(Applier{*this}, change);
  }
}

controller::StoredState Store::State() const {
  controller::StoredState state;
  state.cluster = cluster;
  Copy(stacks, state.stacks);
  Copy(services, state.services);
  Copy(replicas, state.replicas);
  Copy(nodes, state.nodes);
  state.whole = whole;
  return state;
}

}  // namespace drover::sim
