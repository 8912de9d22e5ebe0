// Invariant 5: a replica id is bound to one node for ever; superseded replicas are told to stop within
// 10 s of a heal (R3.2).
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "controller/core/record.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Identity {
 public:
  explicit Identity(Sink* sink) : sink_(sink) {}

  void OnCommit(const World& world, const std::vector<controller::StoreChange>& changes);
  void OnContainer(int host, ReplicaId id);
  void OnSecond(const World& world);

 private:
  // Controller's process, agent's process: while both stay, the connection is unbroken.
  struct Health {
    std::pair<uint64_t, uint64_t> who;
    Instant since;
  };

  Sink* sink_;
  std::map<ReplicaId, int> host_of_;
  std::map<ReplicaId, NodeId> node_of_;
  std::map<int, Health> healthy_;
};

}  // namespace drover::sim
