// Writes haproxy.cfg of a managed HAProxy. Pure. The file always names the current addresses, so that
// a restart without the agent routes right (R6.4); what makes a reload necessary is everything else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/ports/edge.h"
#include "agent/runtime/edge/arrange.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"

namespace drover::agent {

// Per backend its slots as they are now; those not named are free.
using SlotRows = std::map<std::string, std::vector<ServerRow>>;

// How many slots a set gets.
uint32_t SlotCount(const EdgeSet& set);

// The whole file. `identity` is shown by the running process as its description.
std::string RenderConfig(const HaproxyOptions& options, const std::vector<RenderedSet>& sets,
                         const SlotRows& slots, const std::string& identity);

// Lua that holds requests while a backend has no server; used by sets with `hold`.
extern const char kHoldScript[];

}  // namespace drover::agent
