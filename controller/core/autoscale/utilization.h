// The HPA's utilization rule for `cpu` and `memory`: usage over reservation of the replicas that can
// be believed, as a whole percentage, against the target. Differs from the HPA in one point: more than
// a fifth of the samples missing makes the signal unknown (R4.2).
//
//   replicas ─► ready | missing | unready ─► first ratio ─► fill in the least favourable ─► second ratio
#pragma once

#include <cstdint>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct UtilizationRule {
  double target = 0;     // percent of the reservation, > 0
  double tolerance = 0;  // fraction
  int64_t current = 0;   // count now in force
  // CPU of replicas that are not ready or warming up is not believed (R4.5); memory always is.
  bool believe_when_ready_only = true;
  double missing_limit = 0.2;  // more than this fraction missing: unknown (R4.2); the HPA's own: 1
};

// How the HPA groups replicas before any ratio. Indexes into the vector given.
struct UsageGroups {
  std::vector<size_t> ready;    // counted
  std::vector<size_t> missing;  // should have a sample and has none
  std::vector<size_t> unready;  // sample not believed yet
};

UsageGroups GroupReplicas(const std::vector<ReplicaUsage>& replicas, bool believe_when_ready_only);

// The count at which utilization meets the target. Value: whole percent of the first pass. Unknown
// when no replica can be counted, one lacks a reservation, or more than 20 % of the samples are missing.
Wish UtilizationWish(const std::vector<ReplicaUsage>& replicas, const UtilizationRule& rule);

}  // namespace drover::controller
