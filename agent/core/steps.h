// The next steps: from what is believed (model.h) to actions, within the limits of CoreOptions.
// Removals and starts take turns: the first free the room that the second need, and neither waits
// for a long queue of the other.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/core/model.h"
#include "agent/core/ready.h"

namespace drover::agent {

class Planner {
 public:
  // The actions to start now; notes each in the model. Empty while the engine does not answer.
  std::vector<Action> Plan(Model& model);

 private:
  uint64_t next_id_ = 1;
  bool removal_first_ = false;
};

}  // namespace drover::agent
