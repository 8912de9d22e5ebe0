#include "controller/core/autoscale/rate.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

enum class Direction { kUp, kDown };

int64_t PolicyLimit(const RatePolicy& policy, int64_t base, Direction direction) {
  const bool up = direction == Direction::kUp;
  switch (policy.unit) {
    case RatePolicy::Unit::kReplicas:
      return up ? SaturatingAdd(base, policy.amount) : SaturatingSub(base, policy.amount);
    case RatePolicy::Unit::kPercent: {
      const double fraction = static_cast<double>(policy.amount) / 100;
      const double from = static_cast<double>(base);
      return SaturatingFromDouble(up ? std::ceil(from * (1 + fraction)) : from * (1 - fraction));
    }
  }
  return base;
}

std::string Describe(const RatePolicy& policy, int64_t base) {
  const bool percent = policy.unit == RatePolicy::Unit::kPercent;
  return absl::StrFormat("at most %d%s per %s, from %d", policy.amount, percent ? " %" : " replicas",
                         absl::FormatDuration(policy.period), base);
}

// As the policies give it; see ProposedUpLimit.
RateLimit Proposed(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                   Instant now, Direction direction) {
  RateLimit result;
  if (rules.select == ScalingRules::Select::kDisabled) {
    result.limit = current;
    result.detail = direction == Direction::kUp ? "scale_up is disabled" : "scale_down is disabled";
    return result;
  }
  // `select: max` allows the larger change: upwards the largest limit, downwards the smallest.
  const bool largest = (rules.select == ScalingRules::Select::kMax) == (direction == Direction::kUp);
  for (const RatePolicy& policy : rules.policies) {
    const int64_t base = SaturatingSub(current, ChangeWithin(changes, policy.period, now));
    const int64_t limit = PolicyLimit(policy, base, direction);
    if (!result.limit || (largest ? limit > *result.limit : limit < *result.limit)) {
      result.limit = limit;
      result.detail = Describe(policy, base);
    }
    for (const ScaleChange& change : changes) {
      const Instant end = change.at + policy.period;
      if (end > now) {
        result.until = std::min(result.until.value_or(end), end);
      }
    }
  }
  return result;
}

}  // namespace

RateLimit UpLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                  Instant now) {
  RateLimit result = Proposed(current, rules, changes, now, Direction::kUp);
  if (result.limit) {
    result.limit = std::max(*result.limit, current);
  }
  return result;
}

RateLimit DownLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                    Instant now) {
  RateLimit result = Proposed(current, rules, changes, now, Direction::kDown);
  if (result.limit) {
    result.limit = std::clamp<int64_t>(*result.limit, 0, current);
  }
  return result;
}

std::optional<int64_t> ProposedUpLimit(int64_t current, const ScalingRules& rules,
                                       const std::deque<ScaleChange>& changes, Instant now) {
  return Proposed(current, rules, changes, now, Direction::kUp).limit;
}

std::optional<int64_t> ProposedDownLimit(int64_t current, const ScalingRules& rules,
                                         const std::deque<ScaleChange>& changes, Instant now) {
  return Proposed(current, rules, changes, now, Direction::kDown).limit;
}

int64_t ChangeWithin(const std::deque<ScaleChange>& changes, Duration period, Instant now) {
  int64_t sum = 0;
  for (const ScaleChange& change : changes) {
    if (now - change.at < period) {
      sum = SaturatingAdd(sum, change.change);
    }
  }
  return sum;
}

Duration LongestPeriod(const ScalingRules& rules) {
  Duration longest;
  for (const RatePolicy& policy : rules.policies) {
    longest = std::max(longest, policy.period);
  }
  return longest;
}

void RememberChange(std::deque<ScaleChange>& changes, ScaleChange change, Duration longest) {
  if (change.change != 0 && longest > absl::ZeroDuration()) {
    changes.push_back(change);
  }
  const auto old = [&](const ScaleChange& earlier) { return change.at - earlier.at > longest; };
  changes.erase(std::remove_if(changes.begin(), changes.end(), old), changes.end());
}

}  // namespace drover::controller
