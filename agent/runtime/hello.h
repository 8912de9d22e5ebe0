// What an agent says of itself when it connects, as far as its configuration and its engine tell.
#pragma once

#include <string>

#include "agent/config/config.h"
#include "agent/runtime/docker/client.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// Name, labels, addresses and ports.
void AddConfigured(const Config& config, v1::Hello& hello);

// `version` as Edge::Describe says it. Needs an edge in the configuration.
void AddEdgeInfo(const Config& config, const std::string& version, v1::Hello& hello);

// Also among the labels, under the names that placement has for it (common/node_attribute.h).
void AddEngineInfo(const docker::EngineVersion& version, const docker::EngineInfo& info, v1::Hello& hello);

}  // namespace drover::agent
