// The last checks before something is ordered, on the newest model. What is not admitted waits and is
// tried again when the model changes.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// May one more replica of `node` go into its `remove` list now? Removals that belong to an operator's
// change always may; others never make up more than half of what the node holds, two being free
// (R1.4: agents refuse more). When not, `service` is reviewed again once a removal is confirmed.
bool AdmitStop(Model& model, Node& node, const Replica& replica);

}  // namespace drover::controller
