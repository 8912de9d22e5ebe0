// What the declared fallback makes of signals whose source keeps failing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

// KEDA reads its sources this often unless told otherwise.
constexpr Duration kKedaPoll = absl::Seconds(30);

// The signals as measured, and the fallback's total for shared ones that have failed too often in a row. A
// read is counted once an interval (`policy: keda`: KEDA's 30 s). `due`: when the next read counts.
std::vector<SignalInput> WithFallback(const DecideInput& input, ScalingHistory& history,
                                      std::optional<Instant>& due);

// So many replicas while the source fails for `reason`; `total` is the value that stands for it.
Wish FallbackWish(int64_t replicas, double total, const std::string& reason);

}  // namespace drover::controller
