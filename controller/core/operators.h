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
Reply Answer(Model& model, const ChangeNode& request);
Reply Answer(Model& model, const FreezeCluster& request);

// What was said becomes an event: "`what` by `who`: `message`".
void TellOperator(Model& model, std::string reason, std::string what, const std::string& who,
                  const std::string& message, const ServiceKey& service, const NodeId& node = NodeId());

// "eve: disk is replaced"; either part may be empty.
std::string NoteOf(const std::string& who, const std::string& message);

// The difference between what runs and what is asked for; empty: nothing to do. Pure.
Plan MakePlan(const StackRecord* before, const StackSpec& after);

}  // namespace drover::controller
