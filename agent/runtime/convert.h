// The one place where the wire's messages and the core's types turn into each other. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/ready.h"
#include "agent/ports/edge.h"
#include "drover/v1/agent.pb.h"
#include "drover/v1/agent_state.pb.h"

namespace drover::agent {

Assignment AssignmentFromWire(const v1::Assignment& wire);
// The part of a service context that acting needs; `context` holds the whole.
ServiceContext ContextFromWire(const v1::ServiceContext& wire);

v1::HeldState HeldToProto(const HeldAssignment& held);
HeldAssignment HeldFromProto(const v1::HeldState& state);

v1::FoundReplica FoundToWire(const Container& container);
std::vector<EdgeSet> EdgeSetsFromWire(const v1::BackendSets& wire);
v1::EdgeReport EdgeToWire(const EdgeState& state, Instant now);
v1::StopReport StopToWire(const StopResult& stop);

}  // namespace drover::agent
