// One round of one backend over the runtime API: read, mend the difference, read back, report. Used by
// managed and attached balancers alike.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "agent/runtime/edge/haproxy/runtime_api.h"
#include "agent/runtime/edge/haproxy/server_counts.h"

namespace drover::agent {

// Requests that workers of before a reload still have, by backend and "address:port" of the server.
struct OldLoad {
  std::map<std::pair<std::string, std::string>, int64_t> in_flight;
  bool known = true;                  // false: there may be such workers and they could not be read
  std::vector<int64_t> workers = {};  // their pids
};

struct SetRound {
  EdgeSetState state;
  std::vector<ServerRow> rows;       // our servers as read last; empty: could not be read
  std::vector<SlotCounters> counts;  // of the same
};

// True while some request waits for a first server of `backend`. False as well when it cannot be read.
bool KeepsWaiting(RuntimeSession& session, const std::string& backend);

// A set that could not even be read.
EdgeSetState UnreadSet(const EdgeSet& set, absl::string_view error, Instant now);

// Asks a managed master's socket for its old workers and their load in `backends`.
OldLoad ReadOldLoad(const std::string& master_socket, const std::vector<std::string>& backends,
                    Deadline deadline);

// `state.applied_*` is set only when the last read showed everything right. An OK result may still hold
// `state.error`. Errors: the session's own; it is then of no more use.
absl::StatusOr<SetRound> DriveSet(RuntimeSession& session, const EdgeSet& set, const std::string& backend,
                                  const OldLoad& old, Instant now);

// The lines that a foreign configuration needs for `set`; `dir` is where the hold script lies.
std::string AttachSnippet(const EdgeSet& set, const std::string& dir);

}  // namespace drover::agent
