#include "tests/sim/checkers/backends.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kBackendSets[] = "2 (backend sets)";

const controller::ReplicaRecord* FindByHandle(const Store& store, const NodeId& node, uint32_t handle) {
  for (const auto& [id, record] : store.replicas) {
    if (record.node == node && record.handle == handle) {
      return &record;
    }
  }
  return nullptr;
}

bool IsIn(const std::vector<agent::RemoveReplica>& list, ReplicaId id) {
  return std::any_of(list.begin(), list.end(), [&](const agent::RemoveReplica& r) { return r.id == id; });
}

bool Runs(const Host& host, ReplicaId id) {
  const auto box = host.engine().boxes().find(id);
  return box != host.engine().boxes().end() &&
         box->second.container.status == agent::Container::Status::kRunning;
}

// Of those that were ready once, several are not any more, or all, as last reported.
bool FellTogether(const Store& store, const std::set<ReplicaId>& were_ready,
                  const std::map<ReplicaId, ReplicaState>& reported) {
  int64_t ready = 0;
  int64_t fell = 0;
  for (const ReplicaId id : were_ready) {
    const auto record = store.replicas.find(id);
    if (record == store.replicas.end() || record->second.state != ReplicaState::kAssigned) {
      continue;  // what is gone, lost or leaving is neither
    }
    const auto it = reported.find(id);
    ready += it != reported.end() && it->second == ReplicaState::kReady ? 1 : 0;
    fell += it != reported.end() && it->second == ReplicaState::kRunning ? 1 : 0;
  }
  return fell > 1 || fell > ready;
}

}  // namespace

void Backends::OnReport(const World& world, const controller::NodeReport& report) {
  for (const controller::ReplicaSample& sample : report.replicas) {
    if (const auto* record = FindByHandle(world.controller->store(), report.node, sample.handle)) {
      reported_[record->id] = sample.state;
      if (sample.state == ReplicaState::kReady) {
        routed_[{NodeId(), record->service}].insert(record->id);
      }
    }
  }
}

void Backends::OnTaken(const World& world, const Host& host, const controller::Order& order) {
  const auto* sets = std::get_if<controller::BackendSets>(&order.body);
  if (sets == nullptr) {
    return;
  }
  for (const controller::BackendSet& set : sets->sets) {
    const std::set<ReplicaId>& before = routed_[{host.node(), set.service}];
    // With a shared cause what was ready stays in, also where an edge hears of it late (R2.6).
    const std::set<ReplicaId>& were_ready = routed_[{NodeId(), set.service}];
    const bool shared_cause = FellTogether(world.controller->store(), were_ready, reported_);
    for (const controller::Backend& backend : set.backends) {
      const auto it = reported_.find(backend.replica);
      const bool ready = it != reported_.end() && it->second == ReplicaState::kReady;
      const bool stays =
          before.contains(backend.replica) || (shared_cause && were_ready.contains(backend.replica));
      if (!backend.drain && !stays && !ready) {
        sink_->Break(kBackendSets,
                     absl::StrCat(ToString(backend.replica), " enters the set of ", ToString(set.service),
                                  " on ", host.name(), " but was last reported ",
                                  it == reported_.end() ? "never" : ToString(it->second)));
      }
    }
  }
}

void Backends::OnOrder(const Host& host, const controller::Order& order) {
  const auto* sets = std::get_if<controller::BackendSets>(&order.body);
  if (sets == nullptr) {
    return;
  }
  std::erase_if(routed_, [&](const auto& entry) { return entry.first.first == host.node(); });
  for (const controller::BackendSet& set : sets->sets) {
    for (const controller::Backend& backend : set.backends) {
      if (!backend.drain) {
        routed_[{host.node(), set.service}].insert(backend.replica);
      }
    }
  }
}

void Backends::OnHeld(const World& world, const Host& host, const agent::HeldAssignment& before,
                      const agent::HeldAssignment& after) {
  for (const agent::RemoveReplica& remove : after.remove) {
    if (remove.forced || IsIn(before.remove, remove.id) || !Runs(host, remove.id)) {
      continue;
    }
    if (world.consumer->Routes(remove.id)) {
      sink_->Break(kBackendSets, absl::StrCat(ToString(remove.id), " on ", host.name(), " is told to stop (",
                                              remove.reason, ") while ", kConsumer, " routes to it"));
    }
    for (const auto& other : world.hosts) {
      const Edge* edge = other->edge();
      if (edge == nullptr) {
        continue;
      }
      if (edge->Routes(remove.id) || edge->InFlight(remove.id) > 0) {
        sink_->Break(kBackendSets,
                     absl::StrCat(ToString(remove.id), " on ", host.name(), " is told to stop (",
                                  remove.reason, ") while the edge on ", other->name(), " ",
                                  edge->Routes(remove.id) ? "routes to it" : "has requests in flight to it"));
      }
    }
  }
}

}  // namespace drover::sim
