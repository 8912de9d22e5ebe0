// Proves that a HAProxy of somebody else's has what a set needs, on the running process: its runtime socket
// obeys, and what the socket can't show is read from the file that the process was started with.
#pragma once

#include <string>

#include "agent/ports/edge.h"

namespace drover::agent {

// `socket` is its stats socket, `dir` where the hold script lies. Tries commands on a free server only, and
// leaves that as it was.
EdgeCheckReport CheckAttached(const EdgeSet& set, const std::string& socket, const std::string& dir);

}  // namespace drover::agent
