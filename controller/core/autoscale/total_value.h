// The total-value rule of the HPA's object and external metrics (KEDA: metric type Value): so many
// replicas that the whole is about `target`, whatever each of them has of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct TotalValueRule {
  double target = 0;      // of the whole, > 0
  double activation = 0;  // from zero only above this total (strictly, as in KEDA)
  Tolerance tolerance;    // fractions of the target
  int64_t current = 0;    // count now in force
  int64_t ready = 0;      // replicas that work on it now
  // None ready: no answer, since there is nothing to scale. The HPA's own: false, an answer of 0.
  bool hold_without_ready = true;
};

// ceil(ready × total / target), or `current` when total is within tolerance of target. At zero replicas
// ceil(total / target) without tolerance, and zero when the total is not above `activation`. An absent
// total is unknown for `unknown_reason`.
Wish TotalValueWish(std::optional<double> total, const std::string& unknown_reason,
                    const TotalValueRule& rule);

}  // namespace drover::controller
