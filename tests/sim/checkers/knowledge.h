// Invariant 4: a stale or missing sample, a silent node, an empty or old store never causes a
// scale-down or a stop (R1.3, R4). Judged by what had really been delivered when it was decided.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "controller/core/event.h"
#include "controller/core/view.h"
#include "tests/sim/checkers/sink.h"

namespace drover::sim {

class Knowledge {
 public:
  explicit Knowledge(Sink* sink) : sink_(sink) {}

  void OnReport(const World& world, const Host& host, const controller::NodeReport& report);
  void OnView(const World& world, const controller::View& view);
  void OnControllerEnd();

 private:
  void OnScaleDown(const World& world, const controller::ServiceView& service);

  Sink* sink_;
  std::optional<Instant> queue_known_;      // when the newest delivered reading was made
  std::map<ReplicaId, Instant> cpu_known_;  // the same, per replica
  std::map<ServiceKey, uint64_t> judged_;   // last decision looked at
};

}  // namespace drover::sim
