// The stack that the simulated cluster runs, and what agents know of each version of each service.
#pragma once

#include <map>
#include <string>

#include "controller/core/spec.h"
#include "tests/sim/bridge.h"

namespace drover::sim {

inline constexpr char kStack[] = "shop";

// Service name → version; another version is another image and so another spec.
using Versions = std::map<std::string, int>;

// worker (scaled by its queue), web (by CPU; behind the edges and a consumer that pulls), site (by what
// its requests take, and by a schedule), lazy (by requests, from zero), api (a fixed number, with a health
// check), db (pinned), beat (a singleton) and migrate (a task). Adds what agents need to `registry`.
controller::StackSpec MakeStack(const Versions& versions, int64_t api_replicas, Registry& registry);

}  // namespace drover::sim
