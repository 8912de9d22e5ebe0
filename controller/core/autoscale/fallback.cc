#include "controller/core/autoscale/fallback.h"

#include <algorithm>
#include <cmath>

#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

bool IsUsable(const std::optional<FallbackSpec>& spec) {
  return spec && spec->failure_threshold >= 0 && spec->replicas >= 0;
}

// Absent: the rule needs the current count, which is not known.
std::optional<int64_t> ReplicasOf(const FallbackSpec& spec, std::optional<int64_t> current) {
  using Behavior = FallbackSpec::Behavior;
  if (spec.behavior == Behavior::kStatic) {
    return spec.replicas;
  }
  if (!current) {
    return std::nullopt;
  }
  switch (spec.behavior) {
    case Behavior::kStatic:
    case Behavior::kCurrent:
      return current;
    case Behavior::kCurrentIfHigher:
      return std::max(*current, spec.replicas);
    case Behavior::kCurrentIfLower:
      return std::min(*current, spec.replicas);
  }
  return std::nullopt;
}

// In whole thousandths, truncated.
std::optional<double> Synthetic(const FallbackSpec& spec, const FallbackRead& read) {
  const std::optional<int64_t> replicas = ReplicasOf(spec, read.current);
  const int64_t ready = read.ready.value_or(0);
  if (!replicas || (read.total_target && ready <= 0)) {
    return std::nullopt;
  }
  const double share = read.total_target ? read.target / static_cast<double>(ready) : read.target;
  return std::trunc(share * 1000 * static_cast<double>(*replicas)) / 1000;
}

}  // namespace

FallbackResult ReadWithFallback(const std::optional<FallbackSpec>& spec, const FallbackRead& read) {
  FallbackResult result;
  const auto too_often = [&](int64_t failures) {
    return IsUsable(spec) && failures > spec->failure_threshold;
  };
  if (!read.value) {
    result.failing = true;
    result.failures = SaturatingAdd(read.failures_before, 1);
  }
  result.in_fallback = too_often(result.failures) ||
                       std::any_of(read.other_failures.begin(), read.other_failures.end(), too_often);
  result.value = read.value;
  if (too_often(result.failures)) {
    result.value = Synthetic(*spec, read);
    result.synthetic = result.value.has_value();
  }
  return result;
}

}  // namespace drover::controller
