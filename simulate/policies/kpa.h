// Knative's KPA on the model: its windows of mean concurrency, and the engine's panic window rule
// (controller/core/autoscale/panic_window.h).
#pragma once

#include <cstdint>
#include <memory>

#include "simulate/policy.h"

namespace drover::simulate {

struct KpaOptions {
  double target = 0.7;  // jobs waiting and running per replica: 70 % of one slot
  int64_t initial = 1;  // replicas ready at the start
  bool seeded = false;  // starts in panic holding them, as after the autoscaler's restart
};

// Asks every 2 s, with the means of the last 60 s and 6 s.
std::unique_ptr<Policy> MakeKpa(const KpaOptions& options);

}  // namespace drover::simulate
