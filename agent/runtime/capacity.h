// What replicas may reserve on this host (R3.5): configured or found, minus the reserve, minus what foreign
// containers take.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "common/units.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// What a foreign container (no drover label) takes; see foreign.h.
struct Foreign {
  Resources resources;
};

// `found` is the whole host, as the engine tells. Never below zero.
v1::Capacity CapacityOf(const Config& config, Resources found, const std::vector<Foreign>& foreign);

}  // namespace drover::agent
