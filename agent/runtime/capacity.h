// What replicas may reserve on this host (R3.5): configured or found, minus the reserve, minus what foreign
// containers reserve.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/runtime/docker/client.h"
#include "common/units.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// What a foreign container (no drover label) takes: its limits or reservations; one without any counts
// nothing, since its use shows in the host's own figures.
struct Foreign {
  Resources resources;
};

// `found` is the whole host, as the engine tells. Never below zero.
v1::Capacity CapacityOf(const Config& config, Resources found, const std::vector<Foreign>& foreign);

// Running containers of others, read from the engine.
absl::StatusOr<std::vector<Foreign>> ReadForeign(docker::Client* engine);

}  // namespace drover::agent
