// What an operator said holds (R10.1): a service that is held keeps its count, one that is paused is not
// scaled, one whose scale-down is paused gets no smaller, and nothing is scaled in a frozen cluster, until
// that is over or another word comes.
#pragma once

#include <vector>

#include "common/time.h"
#include "controller/core/record.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Words {
 public:
  explicit Words(Sink* sink) : sink_(sink) {}

  // Before the batch is durable.
  void OnCommit(const World& world, const std::vector<controller::StoreChange>& changes);

  // The operator asked for something, which may change any count once it is taken.
  void OnAsked(Instant at) { asked_ = at; }

 private:
  Sink* sink_;
  Instant asked_;
};

}  // namespace drover::sim
