#include "controller/core/autoscale/limits.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/rate.h"
#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

Limited Within(int64_t value) { return {.value = value, .until = std::nullopt, .detail = ""}; }

Limited ByMax(const LimitInput& input) {
  return {.value = input.max,
          .reason = "TooManyReplicas",
          .until = std::nullopt,
          .detail = absl::StrCat("max is ", input.max)};
}

Limited ByMin(const LimitInput& input) {
  return {.value = input.min,
          .reason = "TooFewReplicas",
          .until = std::nullopt,
          .detail = absl::StrCat("min is ", input.min)};
}

Limited ByRate(RateLimit rate, const char* reason) {
  return {.value = *rate.limit, .reason = reason, .until = rate.until, .detail = std::move(rate.detail)};
}

}  // namespace

Limited LimitByRules(const LimitInput& input, const ScalingRules& up, const ScalingRules& down,
                     const std::deque<ScaleChange>& changes, Instant now) {
  if (input.recommended > input.current) {
    RateLimit rate = UpLimit(input.current, up, changes, now);
    const bool by_rate = rate.limit && *rate.limit < input.max;
    if (input.recommended > (by_rate ? *rate.limit : input.max)) {
      return by_rate ? ByRate(std::move(rate), "ScaleUpLimit") : ByMax(input);
    }
  } else if (input.recommended < input.current) {
    RateLimit rate = DownLimit(input.current, down, changes, now);
    const bool by_rate = rate.limit && *rate.limit > input.min;
    if (input.recommended < (by_rate ? *rate.limit : input.min)) {
      return by_rate ? ByRate(std::move(rate), "ScaleDownLimit") : ByMin(input);
    }
  }
  return Within(input.recommended);
}

Limited LimitWithoutRules(const LimitInput& input, const LegacyLimit& limit) {
  const int64_t most =
      std::max(SaturatingFromDouble(limit.factor * static_cast<double>(input.current)), limit.least);
  if (input.recommended < input.min) {
    return ByMin(input);
  }
  if (most < input.max && input.recommended > most) {
    return {.value = most,
            .reason = "ScaleUpLimit",
            .until = std::nullopt,
            .detail = absl::StrCat("at most ", most, " in one step, from ", input.current)};
  }
  return input.recommended > input.max ? ByMax(input) : Within(input.recommended);
}

}  // namespace drover::controller
