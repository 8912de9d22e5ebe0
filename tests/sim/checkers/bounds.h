// Invariant 1: min ≤ desired ≤ max; not-draining, not-warm replicas on nodes that are not lost never
// exceed max + surge (R3.3).
#pragma once

#include "controller/core/view.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Bounds {
 public:
  explicit Bounds(Sink* sink) : sink_(sink) {}

  void OnView(const controller::View& view);

 private:
  Sink* sink_;
};

}  // namespace drover::sim
