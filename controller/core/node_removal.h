// A node leaves the cluster for good, by an operator's word (`drover node rm`).
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// Forgets the node, its replicas and tombstones (R1.3), takes its balancer out of the sets (R6.3), and
// remembers its id, so that it is refused by name when it speaks again. Services start others in the place of
// what it held. `reply` says what was done; FailedPrecondition: it is up and holds replicas, or it holds
// data, and the request does not insist; or a singleton may still run there (R7.2). `node` is gone
// afterwards.
void RemoveNode(Model& model, Node& node, const ChangeNode& request, Reply& reply);

}  // namespace drover::controller
