// Invariant 10: a restart from the store at any record boundary leads to the same desired state. After
// commits (a sample of them) a second core is started from what is durable, and asked what it wants;
// what the running core shows as wanted must be durable too.
#pragma once

#include <cstdint>

#include "controller/core/view.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Restart {
 public:
  explicit Restart(Sink* sink) : sink_(sink) {}

  void OnCommitted(const World& world);
  void OnView(const World& world, const controller::View& view);

 private:
  // `who` says whose view it is.
  void Compare(const World& world, const controller::View& view, const char* who);

  Sink* sink_;
  uint64_t commits_ = 0;
};

}  // namespace drover::sim
