// Policies that are no part of the decision engine: the largest demand of a time, counts that are written
// down, and the oracle of the rate, which reads the trace.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "simulate/policy.h"
#include "simulate/staffing.h"

namespace drover::simulate {

// The largest (waiting + running) of the last `window_s` seconds: the least that a policy must beat.
std::unique_ptr<Policy> MakeMaxOfWindow(int64_t window_s);

// Has the counts that there were, one a second; after them the last.
std::unique_ptr<Policy> MakeRecorded(std::vector<int64_t> counts);

// Has at each second what the demand's window needs, launched `ahead_s` before.
std::unique_ptr<Policy> MakeRateOracle(Demand demand, int64_t ahead_s);

}  // namespace drover::simulate
