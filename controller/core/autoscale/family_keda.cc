#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/activation.h"
#include "controller/core/autoscale/families.h"

namespace drover::controller {
namespace {

using Step = ActivationStep;

bool OnlyUtilization(const AutoscaleSpec& spec) {
  return std::all_of(spec.signals.begin(), spec.signals.end(),
                     [](const SignalSpec& signal) { return IsOfReplicas(signal.kind); });
}

bool InFallback(const FamilyInput& family) {
  return std::any_of(family.input.signals.begin(), family.input.signals.end(),
                     [](const SignalInput& signal) { return signal.fallback_replicas.has_value(); });
}

ActivationRule RuleOf(const AutoscaleSpec& spec) {
  ActivationRule rule;
  rule.min = spec.min;
  rule.idle = spec.idle_replicas;
  if (spec.fallback) {
    rule.fallback_replicas = spec.fallback->replicas;
  }
  rule.cooldown = spec.idle;
  rule.initial_cooldown = spec.idle;
  return rule;
}

struct StepWords {
  const char* reason;
  std::string detail;
};

StepWords WordsOf(const Activation& activation, const FamilyInput& family) {
  switch (activation.step) {
    case Step::kTurnedOn:
      return {"WokenFromZero", "a signal is active"};
    case Step::kTurnedOff:
      return {"IdleToZero",
              absl::StrCat("nothing was active for ", absl::FormatDuration(family.input.spec->idle))};
    case Step::kRaisedToMin:
      return {"TooFewReplicas", absl::StrCat("min is ", family.input.spec->min)};
    case Step::kPaused:
    case Step::kScaleOutPaused:
    case Step::kHeldActiveWithError:
    case Step::kActive:
    case Step::kHeldForFallback:
    case Step::kHeldWithError:
    case Step::kCoolingDown:
    case Step::kScaleInPaused:
    case Step::kInactive:
      break;
  }
  return {"Inactive", "no signal is active"};
}

}  // namespace

FamilyAnswer AnswerAsKeda(const FamilyInput& family, ScalingHistory& history, Decision& decision) {
  const DecideInput& input = family.input;
  ActivationInput state;
  state.current = input.current;
  state.active = family.active || InFallback(family) || OnlyUtilization(*input.spec);
  state.error = !family.unknown.empty();
  // When it was last active is not stored: after a restart the cooldown begins anew (R2.1).
  state.age = input.now - history.since;
  if (history.last_work) {
    state.last_active_age = input.now - *history.last_work;
  }
  const ActivationRule rule = RuleOf(*input.spec);
  const Activation activation = Activate(state, rule);
  if (activation.refreshed_last_active) {
    history.last_work = input.now;
  }
  const bool at_rest = !state.active && input.current <= rule.idle.value_or(0);
  if (activation.replicas != input.current || at_rest) {
    FamilyAnswer answer{.steps = Steps(&decision, family.wish),
                        .floor = std::min(input.spec->min, activation.replicas),
                        .due = std::nullopt};
    const StepWords words = WordsOf(activation, family);
    answer.steps.Set("activation", activation.replicas, words.reason, words.detail);
    answer.steps.Because(state.error && at_rest ? "SignalUnknown" : words.reason);
    return answer;
  }
  FamilyAnswer answer = AnswerAsHpaAboveZero(family, history, decision);
  answer.floor = std::min(input.spec->min, input.current);
  if (activation.off_in) {
    NoteDue(answer.due, input.now + *activation.off_in + absl::Nanoseconds(1));
  }
  return answer;
}

}  // namespace drover::controller
