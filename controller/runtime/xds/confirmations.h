// Which backends all xDS clients together have (R6.1). A client that went away may be serving on with what it
// had: for a while it counts, until one of the same node id asks for the same. Pure; time as argument.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/time.h"
#include "controller/runtime/xds/session.h"

namespace drover::controller {

class XdsConfirmations {
 public:
  // Clients of the controller before this one count for as long as those that went away.
  XdsConfirmations(Instant start, Duration remembered) : start_(start), remembered_(remembered) {}

  // A stream is closed.
  void NoteLost(const XdsSession& session, const XdsSnapshot& snapshot, Instant now);
  // A stream asks for endpoints that it did not ask for before.
  void NoteAsked(const XdsSession& session, const std::string& name);

  // The services whose confirmed revision changed since the last call and is not 0.
  std::vector<std::pair<ServiceKey, uint64_t>> Changed(const std::vector<const XdsSession*>& sessions,
                                                       const XdsSnapshot& snapshot, Instant now);

 private:
  struct Lost {
    std::string node;
    Instant at;
    std::map<std::string, uint64_t> accepted;  // by name of the endpoints
  };

  const Instant start_;
  const Duration remembered_;
  std::deque<Lost> lost_;  // oldest first
  std::map<ServiceKey, uint64_t> told_;
};

}  // namespace drover::controller
