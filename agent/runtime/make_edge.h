// The adapter of the load balancer that the configuration names.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/config/config.h"
#include "agent/ports/edge.h"

namespace drover::agent {

// `state_dir` holds what the balancer needs unless the configuration names a place. The configuration has a
// balancer. Errors: the adapter's.
absl::StatusOr<std::unique_ptr<Edge>> MakeEdge(const Config& config, const std::string& state_dir);

}  // namespace drover::agent
