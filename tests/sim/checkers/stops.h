// R1.3: an agent stops or removes a container only when its replica is in a `remove` list that is on
// its disk. Except a singleton whose node hears no controller (R7.2).
//
// Invariant 3, its second part: a stop gives the process its whole grace before KILL, also a forced one,
// and one that is not forced comes when no balancer has requests for the replica any more (R5.2).
#pragma once

#include "agent/core/core.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Stops {
 public:
  explicit Stops(Sink* sink) : sink_(sink) {}

  // An agent starts `action`.
  void OnAction(const World& world, const Host& host, const agent::Action& action);

 private:
  Sink* sink_;
};

}  // namespace drover::sim
