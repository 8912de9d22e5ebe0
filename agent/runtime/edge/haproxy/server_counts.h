// What each replica was given, and how much of it failed. HAProxy counts by server, and a server of ours
// (a slot) outlives the replicas in it, so the counters are followed from read to read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/ports/edge.h"

namespace drover::agent {

// Counters of one slot, as read.
struct SlotCounters {
  std::string name;
  std::string target;     // "address:port" that it leads to now
  uint64_t requests = 0;  // since the process started
  uint64_t errors = 0;
};

class ServerCounts {
 public:
  // Folds one read of `backend` by the process `instance` and fills in the totals of `state.servers`. What
  // was before the first read of a backend is not counted.
  void Fold(const std::string& backend, uint64_t instance, const std::vector<SlotCounters>& slots,
            const EdgeSet& set, EdgeSetState& state);

 private:
  struct Count {
    uint64_t requests = 0;
    uint64_t errors = 0;
  };

  struct Backend {
    uint64_t instance = 0;
    std::map<std::string, Count> slots;    // by name, as read last
    std::map<std::string, Count> targets;  // by "address:port": of the replica there
  };

  std::map<std::string, Backend> backends_;
};

}  // namespace drover::agent
