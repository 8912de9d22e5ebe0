// The HPA's counts from a value that all replicas share: object and external metrics. Totals and targets
// are in any one unit.
#pragma once

#include <cstdint>
#include <vector>

#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct SharedValueRule {
  double target = 0;    // above 0
  Tolerance tolerance;  // fractions
  int64_t current = 0;  // for a total the requested count, for an average the observed one
  int64_t ready = 0;    // total only: replicas that run and are ready now
};

struct SharedValueCount {
  int64_t count = 0;    // `formula`, or the current count when held
  int64_t formula = 0;  // a total: ceil(ready × total / target); an average: ceil(total / target)
  bool held = false;    // within tolerance
};

// So many replicas that the total is `target`: the number of ready ones, scaled. From zero ceil(total /
// target), without tolerance.
SharedValueCount CountByTotal(double total, const SharedValueRule& rule);

// So many replicas that each has at most `target` of the total. At zero nothing is within tolerance.
SharedValueCount CountByAverage(double total, const SharedValueRule& rule);

// Series of one source, summed; stops at the ends of int64_t.
int64_t SumOfSeries(const std::vector<int64_t>& values);

}  // namespace drover::controller
