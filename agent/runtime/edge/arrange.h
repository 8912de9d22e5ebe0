// What of the wanted sets a balancer of Drover's own can have, whichever program it is: names, and
// listeners that do not contradict each other. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/ports/edge.h"

namespace drover::agent {

// A wanted set with what was decided about it before rendering.
struct RenderedSet {
  const EdgeSet* set = nullptr;
  std::string backend;                       // its name in the balancer's file
  std::vector<EdgeListener> listeners = {};  // those that can be had, `bind` filled in
  std::string error = "";                    // why some cannot
};

// One listener of a set, beside others of the same address.
struct Route {
  const RenderedSet* set = nullptr;
  EdgeListener listener;
};

// More specific routes first: those with a host, then longer paths.
bool MoreSpecific(const Route& a, const Route& b);

// "shop.web.8000": the backend of a set.
std::string BackendName(const EdgeSet& set);
// "0.0.0.0:8080": listeners of the same name share one address.
std::string ListenerName(const EdgeListener& listener);

// Gives every set its name and those listeners that do not contradict each other. Sets that came first
// keep what they have; the others get an error that names both. Attached sets get an error that says
// what `attach_needs`.
std::vector<RenderedSet> ArrangeSets(const std::vector<EdgeSet>& sets, const std::string& bind,
                                     const std::string& attach_needs);

// How long workers of before a reload may go on: `at_least`, and longer than any request of `sets` may be
// silent.
Duration OldWorkersMayStay(Duration at_least, const std::vector<RenderedSet>& sets);

}  // namespace drover::agent
