// The last step of the HPA: how far a recommendation may go at once, and the bounds. `reason` is the
// HPA's word for it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/time.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/spec.h"

namespace drover::controller {

struct LimitInput {
  int64_t current = 0;
  int64_t recommended = 0;
  int64_t min = 0;
  int64_t max = 0;
};

struct Limited {
  int64_t value = 0;
  const char* reason = "DesiredWithinRange";  // ScaleUpLimit, ScaleDownLimit, TooManyReplicas, TooFewReplicas
  std::optional<Instant> until;               // when the rate may allow more by time alone
  std::string detail;                         // the policy or bound that decided
};

// With behaviour rules. Up: at most max and what the policies allow; down: at least min and what they allow.
Limited LimitByRules(const LimitInput& input, const ScalingRules& up, const ScalingRules& down,
                     const std::deque<ScaleChange>& changes, Instant now);

// Without: per pass at most `factor` × current, but `least` always; downwards only min.
struct LegacyLimit {
  double factor = 2;
  int64_t least = 4;
};

Limited LimitWithoutRules(const LimitInput& input, const LegacyLimit& limit);

}  // namespace drover::controller
