// Replicas of nodes that are lost: when others take their place, and how those that turn out to live are
// stopped when their node is back.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// R3.2: what was replaced while its node was away is told to stop as soon as the node is back.
void StopReturned(Model& model, Service& service);

// Marks as superseded what may be replaced now (R2.3, R2.5, R7); says of the rest why not, and looks again.
void ReplaceLost(Model& model, Service& service);

// The replica is lost, and another one will take its place without anybody's doing.
bool WaitsToBeReplaced(const Model& model, const Replica& replica);

}  // namespace drover::controller
