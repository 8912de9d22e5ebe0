// Writes haproxy.cfg of a managed HAProxy. Pure. The file always names the current addresses, so that
// a restart without the agent routes right (R6.4); what makes a reload necessary is everything else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/ports/edge.h"
#include "agent/runtime/edge/haproxy.h"
#include "agent/runtime/edge/runtime_api.h"

namespace drover::agent {

// A wanted set with what was decided about it before rendering.
struct RenderedSet {
  const EdgeSet* set = nullptr;
  std::string backend;                       // HAProxy's name of it
  std::vector<EdgeListener> listeners = {};  // those that can be had, `bind` filled in
  std::string error = "";                    // why some cannot
};

// Per backend its slots as they are now; those not named are free.
using SlotRows = std::map<std::string, std::vector<ServerRow>>;

// "shop.web.8000": the backend of a set.
std::string BackendName(const EdgeSet& set);
// "port_0.0.0.0:8080": the frontend of an address.
std::string FrontendName(const EdgeListener& listener);
// How many slots a set gets.
uint32_t SlotCount(const EdgeSet& set);

// Gives every set its name and those listeners that do not contradict each other. Sets that came first
// keep what they have; the others get an error that names both. Attached sets get an error.
std::vector<RenderedSet> ArrangeSets(const std::vector<EdgeSet>& sets, const std::string& bind);

// The whole file. `identity` is shown by the running process as its description.
std::string RenderConfig(const HaproxyOptions& options, const std::vector<RenderedSet>& sets,
                         const SlotRows& slots, const std::string& identity);

// The lines of a backend by which requests wait while it has no server; empty without `hold`. They need
// LoadHoldScript's line in the global section.
std::string RenderHold(const EdgeSet& set, const std::string& dir);
std::string LoadHoldScript(const std::string& dir);

// Lua for sets with `hold`: keeps a request waiting while its backend has no server. The first that waits,
// per thread and second, is told to whoever listens at a unix socket by a connection to it; nobody listening
// changes nothing.
extern const char kHoldScript[];

}  // namespace drover::agent
