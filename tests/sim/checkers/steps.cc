#include "tests/sim/checkers/steps.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kLegalSteps[] = "R3.1 (legal steps)";

// Between two views, which are 50 ms apart, a replica may take several steps.
bool Reaches(ReplicaState from, ReplicaState to) {
  return IsLegalStep(from, to) ||
         std::any_of(kAllReplicaStates.begin(), kAllReplicaStates.end(), [&](ReplicaState between) {
           return IsLegalStep(from, between) && IsLegalStep(between, to);
         });
}

// A stored `assigned` stands for all that only the agent's reports tell apart.
bool StoredStep(ReplicaState from, ReplicaState to) {
  return IsLegalStep(from, to) ||
         (to == ReplicaState::kAssigned && IsLegalStep(from, ReplicaState::kRunning)) ||
         (to == ReplicaState::kAssigned && IsLegalStep(from, ReplicaState::kStarting));
}

}  // namespace

void Steps::OnCommit(const World& world, const std::vector<controller::StoreChange>& changes) {
  const Store& store = world.controller->store();
  for (const controller::StoreChange& change : changes) {
    const auto* record = std::get_if<controller::ReplicaRecord>(&change);
    if (record == nullptr) {
      continue;
    }
    const auto before = store.replicas.find(record->id);
    if (before != store.replicas.end() && !StoredStep(before->second.state, record->state)) {
      sink_->Break(kLegalSteps,
                   absl::StrCat("stored ", ToString(record->id), " goes from ",
                                ToString(before->second.state), " to ", ToString(record->state)));
    }
  }
}

void Steps::OnView(const controller::View& view) {
  std::map<ReplicaId, ReplicaState> now;
  for (const auto& [key, service] : view.services) {
    for (const controller::ReplicaView& replica : service->replicas) {
      const ReplicaId id = replica.record.id;
      now[id] = replica.state;
      const auto before = shown_.find(id);
      if (before != shown_.end() && !Reaches(before->second, replica.state)) {
        sink_->Break(kLegalSteps, absl::StrCat(ToString(id), " of ", ToString(key), " goes from ",
                                               ToString(before->second), " to ", ToString(replica.state)));
      }
    }
  }
  shown_ = std::move(now);
}

}  // namespace drover::sim
