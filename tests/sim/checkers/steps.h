// Replicas only take legal steps (R3.1), in the store and in what readers see.
#pragma once

#include <map>
#include <vector>

#include "common/replica_state.h"
#include "controller/core/record.h"
#include "controller/core/view.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Steps {
 public:
  explicit Steps(Sink* sink) : sink_(sink) {}

  void OnCommit(const World& world, const std::vector<controller::StoreChange>& changes);
  void OnView(const controller::View& view);

  void OnControllerEnd() { shown_.clear(); }

 private:
  Sink* sink_;
  std::map<ReplicaId, ReplicaState> shown_;
};

}  // namespace drover::sim
