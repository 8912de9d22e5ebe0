// The whole cluster held still by an operator (R10.1): nothing is scaled, replaced or rolled out. What agents
// do by themselves (restart what crashed) goes on, and so do drains that had begun, and `down`.
#pragma once

#include <string>

#include "controller/core/model.h"

namespace drover::controller {

// "Frozen: nothing is scaled, replaced or rolled out until …"; for `why` and lists.
std::string FrozenText(const Model& model);

// Ends a freeze whose time is over, or arms the timer of its end.
void ReviewFreeze(Model& model);

}  // namespace drover::controller
