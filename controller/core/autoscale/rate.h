// Limits on the speed of change, in the HPA's words and with its arithmetic (doubles: 100 replicas and
// 10 % give 111, as upstream).
//
//   base = current - added in the period + removed in the period        (changes of both directions)
//   up:    replicas: base + n      percent: ceil(base × (1 + n / 100))    select max: the largest
//   down:  replicas: base - n      percent: trunc(base × (1 - n / 100))   select max: the smallest
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/time.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/spec.h"

namespace drover::controller {

struct RateLimit {
  std::optional<int64_t> limit;  // absent: no limit; never on the other side of `current`
  // When the limit may widen by time alone: the next change that leaves its period.
  std::optional<Instant> until;
  std::string detail;  // the policy that decided: "at most 4 replicas per 15s, from 6"
};

// The largest count allowed now.
RateLimit UpLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                  Instant now);
// The smallest count allowed now.
RateLimit DownLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                    Instant now);

// The limit as the policies give it, also where it is on the other side of `current`. Absent: no policy.
std::optional<int64_t> ProposedUpLimit(int64_t current, const ScalingRules& rules,
                                       const std::deque<ScaleChange>& changes, Instant now);
std::optional<int64_t> ProposedDownLimit(int64_t current, const ScalingRules& rules,
                                         const std::deque<ScaleChange>& changes, Instant now);

// Sum of the changes that are younger than `period`: what was added less what was removed.
int64_t ChangeWithin(const std::deque<ScaleChange>& changes, Duration period, Instant now);

// The longest period of the policies; 0 without any.
Duration LongestPeriod(const ScalingRules& rules);

// Appends `change` unless it is 0 and forgets those older than `longest` (strictly, as upstream).
void RememberChange(std::deque<ScaleChange>& changes, ScaleChange change, Duration longest);

}  // namespace drover::controller
