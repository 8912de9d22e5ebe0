#include "controller/core/autoscale/hpa.h"

#include <algorithm>

#include "controller/core/autoscale/rate.h"
#include "controller/core/autoscale/stabilize.h"

namespace drover::controller {
namespace {

RatePolicy Policy(RatePolicy::Unit unit, int64_t amount) {
  return {.unit = unit, .amount = amount, .period = absl::Seconds(15)};
}

// The largest of the proposals, or nothing when none is known or the known ones would go down on
// partial knowledge.
std::optional<int64_t> Combine(const HpaInput& input, HpaResult& result) {
  std::optional<int64_t> most;
  const MetricProposal* failed = nullptr;
  for (const MetricProposal& metric : input.metrics) {
    if (metric.replicas) {
      most = std::max(most.value_or(*metric.replicas), *metric.replicas);
    } else if (failed == nullptr) {
      failed = &metric;
    }
  }
  result.error = failed != nullptr || !most;
  if (!most || (failed != nullptr && *most < *input.current)) {
    result.scaling_active =
        HpaCondition{false, failed == nullptr ? "InvalidMetricSourceType" : failed->reason};
    return std::nullopt;
  }
  result.scaling_active = HpaCondition{true, "ValidMetricFound"};
  return most;
}

Stabilized StabilizedCount(const HpaInput& input, int64_t proposed, const HpaHistory& history) {
  if (!input.behavior) {
    return {.value = StabilizeDownOnly(proposed, input.downscale_stabilization, history.recommendations,
                                       input.now),
            .until = std::nullopt};
  }
  return Stabilize({.current = *input.current,
                    .recommended = proposed,
                    .up_window = input.behavior->up.stabilization,
                    .down_window = input.behavior->down.stabilization,
                    .now = input.now},
                   history.recommendations);
}

Duration LongestWindow(const HpaInput& input) {
  return input.behavior ? std::max(input.behavior->up.stabilization, input.behavior->down.stabilization)
                        : input.downscale_stabilization;
}

void Normalize(const HpaInput& input, int64_t proposed, HpaHistory& history, HpaResult& result) {
  const Stabilized stabilized = StabilizedCount(input, proposed, history);
  result.proposed = proposed;
  result.stabilized = stabilized.value;
  Remember(history.recommendations, {.at = input.now, .value = proposed}, LongestWindow(input));
  if (stabilized.value == proposed) {
    result.able_to_scale = HpaCondition{true, "ReadyForNewScale"};
  } else {
    const bool up = input.behavior && proposed >= *input.current;
    result.able_to_scale = HpaCondition{true, up ? "ScaleUpStabilized" : "ScaleDownStabilized"};
  }
  const LimitInput limits{
      .current = *input.current, .recommended = stabilized.value, .min = input.min, .max = input.max};
  const Limited limited = input.behavior ? LimitByRules(limits, input.behavior->up, input.behavior->down,
                                                        history.changes, input.now)
                                         : LimitWithoutRules(limits, input.legacy_limit);
  result.scaling_limited = HpaCondition{limited.value != stabilized.value, limited.reason};
  result.limit_detail = limited.detail;
  result.replicas = limited.value;
  result.until = stabilized.until;
  if (limited.until && (!result.until || *limited.until < *result.until)) {
    result.until = limited.until;
  }
}

}  // namespace

ScalingRules HpaDefaultUp() {
  return {.stabilization = absl::ZeroDuration(),
          .select = ScalingRules::Select::kMax,
          .policies = {Policy(RatePolicy::Unit::kReplicas, 4), Policy(RatePolicy::Unit::kPercent, 100)}};
}

ScalingRules HpaDefaultDown(Duration window) {
  return {.stabilization = window,
          .select = ScalingRules::Select::kMax,
          .policies = {Policy(RatePolicy::Unit::kPercent, 100)}};
}

HpaResult HpaPass(const HpaInput& input, HpaHistory& history) {
  HpaResult result;
  if (!input.current) {
    result.able_to_scale = HpaCondition{false, "FailedGetScale"};
    result.error = true;
    return result;
  }
  const int64_t current = *input.current;
  result.replicas = current;
  result.able_to_scale = HpaCondition{true, "SucceededGetScale"};
  if (!history.seeded) {
    history.seeded = true;
    history.recommendations.push_back({.at = input.now, .value = current});
  }
  if (current == 0 && input.min != 0) {
    result.scaling_active = HpaCondition{false, "ScalingDisabled"};
  } else if (current > input.max) {
    result.replicas = input.max;
  } else if (current < input.min) {
    result.replicas = input.min;
  } else if (const std::optional<int64_t> proposed = Combine(input, result)) {
    Normalize(input, *proposed, history, result);
  }
  return result;
}

void HpaWritten(const HpaInput& input, bool written, HpaResult& result, HpaHistory& history) {
  if (!input.current || result.replicas == *input.current) {
    return;
  }
  if (!written) {
    result.able_to_scale = HpaCondition{false, "FailedUpdateScale"};
    result.error = true;
    result.replicas = *input.current;
    return;
  }
  result.able_to_scale = HpaCondition{true, "SucceededRescale"};
  if (input.behavior) {
    RememberChange(history.changes, {.at = input.now, .change = result.replicas - *input.current},
                   std::max(LongestPeriod(input.behavior->up), LongestPeriod(input.behavior->down)));
  }
}

}  // namespace drover::controller
