// The HPA's utilization rule for `cpu` and `memory`: usage over reservation of the replicas that can
// be believed, as a whole percentage, against the target. The arithmetic is two_pass.h; here it gets
// Drover's replicas and its words. Differs from the HPA in one point: more than a fifth of the samples
// missing makes the signal unknown (R4.2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/two_pass.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct UtilizationRule {
  double target = 0;    // percent of the reservation, > 0
  Tolerance tolerance;  // fractions
  int64_t current = 0;  // count now in force
  // CPU of replicas that are not ready or warming up is not believed (R4.5); memory always is.
  bool believe_when_ready_only = true;
  double missing_limit = 0.2;  // more than this fraction missing: unknown (R4.2); the HPA's own: 1
};

// One group for each replica, by Drover's rule: ready, or unready whatever its sample.
std::vector<ReplicaGroup> GroupReplicas(const std::vector<ReplicaUsage>& replicas,
                                        bool believe_when_ready_only);

// The same by the HPA's (`policy: hpa`): by start and readiness times.
std::vector<ReplicaGroup> GroupAsHpa(const std::vector<ReplicaUsage>& replicas, const GroupRule& rule);

// Why no count can be had from these; empty: it can.
std::string WhyUncounted(const std::vector<ReplicaGroup>& groups, double missing_limit);

// The count at which utilization meets the target. Value: whole percent of the first pass. Unknown
// when no replica can be counted, one lacks a reservation, or more samples are missing than allowed.
Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const UtilizationRule& rule);

// The same for replicas that are grouped already.
Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const std::vector<ReplicaGroup>& groups,
                     const UtilizationRule& rule);

}  // namespace drover::controller
