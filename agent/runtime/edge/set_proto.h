// Backend sets as they are sent and stored (drover.v1.BackendSet), and as edges take them.
#pragma once

#include "agent/ports/edge.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// Weights out of their range are the nearest that is in it; words that are not known count as not said.
EdgeSet FromProto(const v1::BackendSet& from);
v1::BackendSet ToProto(const EdgeSet& set);

}  // namespace drover::agent
