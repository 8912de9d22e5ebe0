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

// The lines of a backend, and the words of its servers, by which clients stay with a replica, new ones get
// their share, and so on.
std::string RenderTraffic(const EdgeSet& set);
std::string RenderServerOptions(const EdgeSet& set);

// The lines of a backend by which requests wait while it has no server; empty without `hold`. They need
// LoadHoldScript's line in the global section.
std::string RenderHold(const EdgeSet& set, const std::string& dir);
std::string LoadHoldScript(const std::string& dir);

// Lua for sets with `hold`: keeps a request waiting while its backend has no server. The first that waits,
// per thread and second, is told to whoever listens at a unix socket by a connection to it; nobody listening
// changes nothing.
extern const char kHoldScript[];

}  // namespace drover::agent
