// Invariant 10: a restart from the store at any record boundary leads to the same desired state. After
// commits (each, or a sample, as the seed has it) a second core is started from what is durable, and asked
// what it wants; some of these are left alone for minutes, and must not act on what they do not know
// (invariant 4). What the running core shows as wanted must be durable too.
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
  uint64_t started_ = 0;
};

}  // namespace drover::sim
