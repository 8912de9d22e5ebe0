// What each node should run and, by name, remove (R1): full on connect, then deltas on what was sent
// last. Every assignment has a revision of its own, stored with the decision it carries.
#pragma once

#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

// Orders for the nodes whose lists changed; nodes without a stream get theirs when they connect.
void ReviewAssignments(Model& model, std::vector<Order>& orders);

// What its replicas' agents do about a hand's work has changed: the service is paused, or not any more
// (R3.7).
void HandsOffChanged(Model& model, const Service& service);

// The agent has another base (R1.5): the next assignment is a full one.
void ForgetSent(Model& model, const NeedFull& event);

}  // namespace drover::controller
