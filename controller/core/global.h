// mode: global: one replica on every node that may take it. Nodes that come get one, nodes that are drained
// lose theirs, and what is lost with a node is started nowhere else.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// Sets the count to that of the nodes that may have a replica, then stops, replaces and starts node by node.
void ReviewGlobal(Model& model, Service& service);

}  // namespace drover::controller
