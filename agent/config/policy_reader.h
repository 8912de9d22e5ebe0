// `policy:` of agent.yaml.
#pragma once

#include "agent/config/yaml_reader.h"
#include "agent/core/policy.h"

namespace drover::agent {

// The rules as written; what is not there is as in a default Policy. `guarded` stays empty.
Policy ReadPolicy(MapReader& top, Faults& faults);

}  // namespace drover::agent
