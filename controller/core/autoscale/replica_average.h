// The HPA's rule for a value that each replica has of its own without a reservation to measure it against
// (its `Pods` metric): the mean over the replicas against a target. Serves `backlog`.
#pragma once

#include <cstdint>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct ReplicaAverageRule {
  double target = 0;           // per replica, > 0
  Tolerance tolerance;         // fractions
  int64_t current = 0;         // count now in force
  double missing_limit = 0.2;  // more than this fraction missing: unknown (R4.2); the HPA's own: 1
  // What is empty shows that there is enough, not how much less would be: at most a quarter of the count
  // is given up at once. The HPA's own: false, all in proportion.
  bool careful_down = true;
};

// The count at which the mean meets the target; values in thousandths. Missing samples count as the target
// on the way down and as 0 on the way up, replicas that are not ready as 0 on the way up.
Wish ReplicaAverageWish(const std::vector<ReplicaUsage>& replicas, const std::vector<ReplicaGroup>& groups,
                        const ReplicaAverageRule& rule);

}  // namespace drover::controller
