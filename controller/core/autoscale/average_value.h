// The average-value rule of KEDA and the HPA's external metrics, for queues and other shared sources:
// so many replicas that each has at most `target` of the total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct AverageValueRule {
  double target = 0;      // per replica, > 0
  double activation = 0;  // from zero only above this total (strictly, as in KEDA)
  Tolerance tolerance;    // fractions of target × current
  int64_t current = 0;    // count now in force
};

// ceil(total / target), or `current` when total is within tolerance of target × current. At zero
// replicas there is no tolerance, and a total not above `activation` asks for zero. An absent total is
// unknown for `unknown_reason`.
Wish AverageValueWish(std::optional<double> total, const std::string& unknown_reason,
                      const AverageValueRule& rule);

}  // namespace drover::controller
