// Who gives way when the nodes are full (R10.3): a service of higher priority has services of lower priority
// give up replicas above their min, idle ones first, each by a voluntary drain (R5). Priorities fall
// strictly, so nothing is taken in a circle; what gave up a replica gets another only where there is room
// that nobody of higher priority waits for (KeptFor, node_rules.h).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controller/core/model.h"
#include "controller/core/node_rules.h"

namespace drover::controller {

// Of a replica that gives its room to a service of higher priority.
inline constexpr char kGivesRoom[] = "GivesRoom";

// Begins to drain as many replicas of lower services as it takes for `wanted` more replicas of `taker` on the
// nodes of `excluded` that lack nothing but room, less what is leaving them already; never more than needed,
// and none where it would not be enough. Nothing while the cluster is frozen or not settled. Returns a line
// for `why`: what is on its way, or who holds the room; empty: room is not what is missing.
std::string TakeRoom(Model& model, const Service& taker, int64_t wanted,
                     const std::vector<std::pair<NodeId, Exclusion>>& excluded);

// Whether the service has replicas without room now; when it no longer has, others may have what was kept for
// it.
void NoteShortOfRoom(Model& model, const Service& service, bool is_short);

}  // namespace drover::controller
