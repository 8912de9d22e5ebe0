// Every write to the world is preceded by a durable record of the intent (R1.8), and no agent obeys
// what an older or another store says (R1.2, invariants 4 and 7).
#pragma once

#include <set>
#include <tuple>

#include "agent/core/core.h"
#include "controller/core/ready.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Intent {
 public:
  explicit Intent(Sink* sink) : sink_(sink) {}

  void OnOrder(const World& world, const Host& host, const controller::Order& order);
  void OnHeld(const Host& host, const agent::HeldAssignment& before, const agent::HeldAssignment& after);

 private:
  Sink* sink_;
  std::set<std::tuple<int, Epoch, Revision>> sent_;  // by a controller on the real store
};

}  // namespace drover::sim
