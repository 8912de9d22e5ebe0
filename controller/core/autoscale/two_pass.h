// The HPA's count from what single replicas use: utilization of a request, or an average per replica.
//
//   counted replicas ─► first ratio ─► fill in the others, least favourable ─► second ratio ─► count
//
// All divisions truncate toward zero; ratios are doubles. The same arithmetic serves Drover's own
// family and the HPA's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "controller/core/autoscale/replica_group.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

struct UsageEntry {
  ReplicaGroup group = ReplicaGroup::kReady;
  int64_t used = 0;     // believed for kReady only
  int64_t request = 0;  // same unit; above 0 where the target is a utilization
};

struct TwoPassRule {
  enum class Target { kUtilization, kAverage };

  Target kind = Target::kUtilization;
  double target = 0;    // percent of the request, or value per replica; above 0
  Tolerance tolerance;  // fractions
  int64_t current = 0;  // count now in force
};

struct TwoPassCount {
  enum class Held { kNo, kTolerance, kNoClearDirection };

  int64_t count = 0;  // the answer: `formula`, or the current count when held
  Held held = Held::kNo;
  int64_t formula = 0;          // ceil(counted × measured / target)
  int64_t counted = 0;          // replicas in the last pass
  int64_t measured = 0;         // whole percent, or average, of the last pass
  int64_t utilization = 0;      // of the first pass, whole percent; 0 where there are no requests
  int64_t average = 0;          // of the first pass
  bool unready_filled = false;  // counted as idle
  double missing_percent = 0;   // what missing ones counted as, percent of the request
};

// Absent: no replica is counted.
std::optional<TwoPassCount> CountByUsage(const std::vector<UsageEntry>& replicas, const TwoPassRule& rule);

}  // namespace drover::controller
