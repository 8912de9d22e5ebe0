// Invariant 2: a replica enters a backend set only when ready, and leaves it, confirmed, before it is
// told to stop (R6.1). "Told" is when its agent keeps the order; "confirmed" is what the balancers
// really do then, not what they reported. Except: stops that were forced (R5.3) because an edge did
// not answer in time, and replicas whose process has ended.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "agent/core/core.h"
#include "controller/core/ready.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Backends {
 public:
  explicit Backends(Sink* sink) : sink_(sink) {}

  void OnReport(const World& world, const controller::NodeReport& report);
  // An order is decided; it leaves when its records are durable.
  void OnTaken(const World& world, const Host& host, const controller::Order& order);
  void OnOrder(const Host& host, const controller::Order& order);

  void OnControllerEnd() { reported_.clear(); }

  void OnHeld(const World& world, const Host& host, const agent::HeldAssignment& before,
              const agent::HeldAssignment& after);

 private:
  Sink* sink_;
  std::map<ReplicaId, ReplicaState> reported_;                           // newest, to this controller
  std::map<std::pair<NodeId, ServiceKey>, std::set<ReplicaId>> routed_;  // by the last order
};

}  // namespace drover::sim
