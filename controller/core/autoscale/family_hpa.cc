#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/families.h"
#include "controller/core/autoscale/hpa.h"

namespace drover::controller {
namespace {

const char* FailureOf(SignalSpec::Kind kind) {
  if (kind == SignalSpec::Kind::kBacklog) {
    return "FailedGetPodsMetric";
  }
  return IsOfReplicas(kind) ? "FailedGetResourceMetric" : "FailedGetExternalMetric";
}

std::vector<MetricProposal> Proposals(const FamilyInput& family) {
  std::vector<MetricProposal> proposals;
  for (size_t i = 0; i < family.wishes.size(); ++i) {
    proposals.push_back(
        {.replicas = family.wishes[i].wish, .reason = FailureOf(family.input.spec->signals[i].kind)});
  }
  return proposals;
}

void NotePass(const HpaResult& result, const FamilyInput& family, Steps& steps) {
  const int64_t current = family.input.current;
  if (!result.proposed) {
    if (result.scaling_active) {
      steps.Set("unknown", current, result.scaling_active->reason, family.unknown);
      steps.Because(result.scaling_active->reason);
    } else {
      const bool above = result.replicas < current;
      steps.Set(above ? "max" : "min", result.replicas, above ? "TooManyReplicas" : "TooFewReplicas",
                absl::StrCat("the count ", current, " was outside: no signal is asked"));
    }
    return;
  }
  steps.Set("stabilization", *result.stabilized, result.able_to_scale->reason,
            "the recommendations of the stabilization window decide");
  steps.Set("limit", result.replicas, result.scaling_limited->reason, result.limit_detail);
}

// One pass with `min`, the steps noted.
void Pass(const FamilyInput& family, int64_t min, ScalingHistory& history, Steps& steps) {
  const DecideInput& input = family.input;
  HpaInput pass;
  pass.now = input.now;
  pass.current = input.current;
  pass.min = min;
  pass.max = input.spec->max;
  pass.metrics = Proposals(family);
  pass.behavior = HpaBehavior{.up = input.spec->up, .down = input.spec->down};
  HpaHistory memory{.seeded = history.last_pass.has_value(),
                    .recommendations = std::move(history.recommendations),
                    .changes = std::move(history.changes)};
  NotePass(HpaPass(pass, memory), family, steps);
  // What is written is remembered by Decide, after people and bounds had their say.
  history.recommendations = std::move(memory.recommendations);
  history.changes = std::move(memory.changes);
  history.last_pass = input.now;
}

FamilyAnswer PassWhenDue(const FamilyInput& family, int64_t min, ScalingHistory& history,
                         Decision& decision) {
  const DecideInput& input = family.input;
  FamilyAnswer answer{.steps = Steps(&decision, family.wish), .floor = min, .due = std::nullopt};
  if (history.last_pass && input.now - *history.last_pass < kHpaSync) {
    const Duration left = *history.last_pass + kHpaSync - input.now;
    answer.steps.Set(
        "sync", input.current, "BetweenPasses",
        absl::StrCat("the next pass is in ", absl::FormatDuration(absl::Ceil(left, absl::Seconds(1)))));
  } else {
    Pass(family, min, history, answer.steps);
  }
  answer.due = *history.last_pass + kHpaSync;
  return answer;
}

}  // namespace

FamilyAnswer AnswerAsHpa(const FamilyInput& family, ScalingHistory& history, Decision& decision) {
  return PassWhenDue(family, family.input.spec->min, history, decision);
}

FamilyAnswer AnswerAsHpaAboveZero(const FamilyInput& family, ScalingHistory& history, Decision& decision) {
  return PassWhenDue(family, std::max<int64_t>(family.input.spec->min, 1), history, decision);
}

}  // namespace drover::controller
