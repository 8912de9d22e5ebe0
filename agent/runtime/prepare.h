// What the configuration leaves open: the host's name, the cluster that is joined, the address by which
// others reach this host.
#pragma once

#include "absl/status/statusor.h"
#include "agent/config/config.h"
#include "common/ids.h"

namespace drover::agent {

// Joins where that is asked for, which may take a minute. Errors: those of JoinCluster and of the
// membership's files; no controller is given; no route to it.
absl::StatusOr<Config> Prepare(const Config& given, const NodeId& node);

}  // namespace drover::agent
