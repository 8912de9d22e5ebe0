// Between the structs of the two cores, in place of wire and runtime: nothing of it decides.
//
// A ServiceContext is opaque to the controller; here its bytes are a key into the Registry.
#pragma once

#include <map>
#include <string>

#include "agent/core/core.h"
#include "controller/core/core.h"

namespace drover::sim {

using Registry = std::map<std::string, agent::ServiceContext>;  // by the controller's `context`

agent::Assignment ToAgent(const controller::Assignment& assignment, const Registry& registry);

controller::ReplicaSample ToSample(const agent::ReplicaStatus& status);
controller::ReplicaDetail ToDetail(const agent::ReplicaStatus& status, Instant now);
controller::StopResult ToController(const agent::StopResult& stop);
controller::AgentNotice ToController(const agent::Notice& notice);
controller::FoundReplica ToFound(const agent::Container& container);

}  // namespace drover::sim
