// What people ask: apply (and plan), remove, scale, pause, resume. Each is answered by one Reply; what
// cannot be is refused there, with what would be right.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

Reply Answer(Model& model, const ApplyStack& request);
Reply Answer(Model& model, const RemoveStack& request);
Reply Answer(Model& model, const ScaleService& request);
Reply Answer(Model& model, const PauseService& request);
Reply Answer(Model& model, const ResumeService& request);

// The difference between what runs and what is asked for; empty: nothing to do. Pure.
Plan MakePlan(const StackRecord* before, const StackSpec& after);

}  // namespace drover::controller
