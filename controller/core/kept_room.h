// Room on a node for a replica that may start only when another one has been stopped elsewhere (stop-first):
// what comes in between must not take it, or the stop would have been for nothing.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// Sets room for one replica of the service aside on the node; nothing when the service has some already.
void KeepRoom(Model& model, Service& service, const NodeId& node);

// It is taken now, or not needed any more.
void GiveRoomBack(Model& model, Service& service);

}  // namespace drover::controller
