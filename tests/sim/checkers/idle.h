// Invariant 3, its first part: scaling down takes what is not ready before what is, and what is known to
// be idle before what is known to be busy (R5.1). Judged by the reports that the controller had taken in
// when it decided.
#pragma once

#include <map>

#include "controller/core/ready.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Idle {
 public:
  explicit Idle(Sink* sink) : sink_(sink) {}

  void OnReport(const World& world, const Host& host, const controller::NodeReport& report);
  // Decided, not yet durable: the store still says what was before.
  void OnTaken(const World& world, const controller::Ready& ready);

  void OnControllerEnd() {
    said_.clear();
    in_flight_.clear();
  }

 private:
  // The newest word on a replica, of its own node.
  struct Word {
    ReplicaState state = ReplicaState::kPending;
    std::optional<int64_t> jobs;
    Instant at;
  };

  // Work in hand; absent: not known, or not lately.
  std::optional<int64_t> BusyOf(const World& world, const controller::ReplicaRecord& record) const;

  Sink* sink_;
  std::map<ReplicaId, Word> said_;
  std::map<NodeId, std::pair<Instant, std::map<ReplicaId, int64_t>>> in_flight_;  // by edge
};

}  // namespace drover::sim
