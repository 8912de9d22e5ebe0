#include "controller/core/autoscale/activation.h"

#include <algorithm>

namespace drover::controller {
namespace {

using Step = ActivationStep;

Activation Result(int64_t replicas, Step step, bool active, bool refreshed = false) {
  return {.replicas = replicas,
          .step = step,
          .active = active,
          .refreshed_last_active = refreshed,
          .off_in = std::nullopt};
}

Activation WhileActive(const ActivationInput& input, const ActivationRule& rule) {
  const bool below_min = rule.idle && input.current < rule.min;
  if (below_min || input.current == 0) {
    return input.pause_scale_out ? Result(input.current, Step::kScaleOutPaused, true)
                                 : Result(std::max<int64_t>(rule.min, 1), Step::kTurnedOn, true, true);
  }
  if (input.error) {
    return Result(input.current, Step::kHeldActiveWithError, true);
  }
  return Result(input.current, Step::kActive, true, true);
}

Activation TurnOff(const ActivationInput& input, const ActivationRule& rule) {
  const Duration quiet = input.last_active_age.value_or(input.age);
  const Duration wait = input.last_active_age ? rule.cooldown : rule.initial_cooldown;
  if (quiet <= wait) {
    Activation result = Result(input.current, Step::kCoolingDown, false);
    result.off_in = wait - quiet;
    return result;
  }
  return input.pause_scale_in ? Result(input.current, Step::kScaleInPaused, false)
                              : Result(rule.idle.value_or(rule.min), Step::kTurnedOff, false);
}

}  // namespace

Activation Activate(const ActivationInput& input, const ActivationRule& rule) {
  if (input.paused) {
    return {.replicas = input.current, .step = Step::kPaused, .active = std::nullopt, .off_in = std::nullopt};
  }
  if (input.active || input.forced) {
    return WhileActive(input, rule);
  }
  if (input.error && rule.fallback_replicas.value_or(0) != 0) {
    return Result(input.current, Step::kHeldForFallback, false);
  }
  if (input.error && !rule.fallback_replicas) {
    return Result(input.current, Step::kHeldWithError, false);
  }
  const bool above_idle = rule.idle && input.current > *rule.idle;
  if (above_idle || (input.current > 0 && rule.min == 0)) {
    return TurnOff(input, rule);
  }
  if (!rule.idle && input.current < rule.min) {
    return Result(rule.min, Step::kRaisedToMin, false);
  }
  return Result(input.current, Step::kInactive, false);
}

}  // namespace drover::controller
