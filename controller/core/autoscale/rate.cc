#include "controller/core/autoscale/rate.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace drover::controller {
namespace {

enum class Direction { kUp, kDown };

int64_t Base(int64_t current, const std::deque<ScaleChange>& changes, Duration period, Instant now) {
  for (const ScaleChange& change : changes) {
    if (now - change.at < period) {
      current -= change.change;
    }
  }
  return current;
}

int64_t PolicyLimit(const RatePolicy& policy, int64_t base, Direction direction) {
  const bool up = direction == Direction::kUp;
  switch (policy.unit) {
    case RatePolicy::Unit::kReplicas:
      return up ? base + policy.amount : base - policy.amount;
    case RatePolicy::Unit::kPercent: {
      const double fraction = static_cast<double>(policy.amount) / 100;
      const double from = static_cast<double>(base);
      return static_cast<int64_t>(up ? std::ceil(from * (1 + fraction)) : std::trunc(from * (1 - fraction)));
    }
  }
  return base;
}

std::string Describe(const RatePolicy& policy, int64_t base) {
  const bool percent = policy.unit == RatePolicy::Unit::kPercent;
  return absl::StrFormat("at most %d%s per %s, from %d", policy.amount, percent ? " %" : " replicas",
                         absl::FormatDuration(policy.period), base);
}

RateLimit Limit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
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
    const int64_t base = Base(current, changes, policy.period, now);
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
  if (result.limit) {
    result.limit = direction == Direction::kUp ? std::max(*result.limit, current)
                                               : std::clamp<int64_t>(*result.limit, 0, current);
  }
  return result;
}

}  // namespace

RateLimit UpLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                  Instant now) {
  return Limit(current, rules, changes, now, Direction::kUp);
}

RateLimit DownLimit(int64_t current, const ScalingRules& rules, const std::deque<ScaleChange>& changes,
                    Instant now) {
  return Limit(current, rules, changes, now, Direction::kDown);
}

void RememberChange(std::deque<ScaleChange>& changes, ScaleChange change, const AutoscaleSpec& spec) {
  Duration longest;
  for (const ScalingRules* rules : {&spec.up, &spec.down}) {
    for (const RatePolicy& policy : rules->policies) {
      longest = std::max(longest, policy.period);
    }
  }
  if (change.change != 0) {
    changes.push_back(change);
  }
  while (!changes.empty() && change.at - changes.front().at >= longest) {
    changes.pop_front();
  }
}

}  // namespace drover::controller
