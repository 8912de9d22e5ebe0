// Connections that outlive their replica's time in the balancer. A replica that left gets no new requests,
// but a WebSocket or a stream may stay with it for ever; a service can say how long, apart for requests and
// for tunnels (upgraded connections, and all of plain TCP). What is over that is closed by HAProxy, and the
// client comes back to another replica.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "agent/runtime/edge/haproxy/drive.h"

namespace drover::agent {

// One of `show sess all`.
struct OpenSession {
  std::string id;
  std::string backend;
  std::string server;  // "address:port"
  bool tunnel = false;
};

// Those that are with a server; anything else in `answer` is passed over.
std::vector<OpenSession> ParseSessions(absl::string_view answer);

// Sends a command to one worker, returns its answer.
using WorkerCommand = std::function<absl::StatusOr<std::string>(absl::string_view)>;

class DrainLimits {
 public:
  // Takes note of which replicas of `set` leave, and closes what is over its limit in each of `workers`.
  // `round.state.closed_total` is how many were closed since the start. What can't be closed now is tried
  // again in the next round.
  void Enforce(const EdgeSet& set, const std::string& backend, const std::vector<WorkerCommand>& workers,
               Instant now, EdgeSetState& state);

 private:
  struct Leaving {
    std::map<std::string, Instant> since;  // by "address:port"
    uint64_t closed = 0;
  };

  std::map<std::string, Leaving> backends_;
};

}  // namespace drover::agent
