// The four conditions of a decision, in the HPA's way: may the count change, do the signals speak, is
// the answer cut short, are the samples fresh. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/view.h"

namespace drover::controller {

// From what was measured and what the steps did with it; `decision` is complete but for them.
std::vector<Condition> ConditionsOf(const DecideInput& input, const Decision& decision);

// Carrying out is held up: AbleToScale no longer holds, for `reason`, unless it did not before.
void NoteObstacle(Decision& decision, const std::string& reason, const std::string& message);

// ", until 08:12:00 UTC (12m left)", or how to end it when nothing else does.
std::string UntilText(const DecideInput& input, const std::optional<absl::Time>& until);

}  // namespace drover::controller
