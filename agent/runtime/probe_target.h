// How a replica's readiness is asked for from outside (R3.4): by its x-ready, else at its first routed port.
// Pure: it only reads the replica's status and its service.
// The probing itself is in readiness.h.
#pragma once

#include <optional>
#include <string>

#include "agent/core/ready.h"
#include "agent/runtime/readiness.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// The probe that decides about this replica's readiness; nullopt: it has none. `own_address` is where
// replicas on the host's network listen.
std::optional<ProbeTarget> TargetOf(const ReplicaStatus& status, const v1::ServiceContext& service,
                                    const std::string& own_address);

}  // namespace drover::agent
