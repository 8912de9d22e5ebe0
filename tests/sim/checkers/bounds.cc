#include "tests/sim/checkers/bounds.h"

#include "absl/strings/str_cat.h"

namespace drover::sim {
namespace {

constexpr int64_t kSurge = 1;  // one replica at a time is replaced, start-first

}  // namespace

void Bounds::OnView(const controller::View& view) {
  for (const auto& [key, service] : view.services) {
    const auto& autoscale = service->spec.autoscale;
    const int64_t desired = service->record.desired;
    const auto stack = view.stacks.find(key.stack);
    if (stack == view.stacks.end() || stack->second->removing) {
      continue;
    }
    if (autoscale && (desired < autoscale->min || desired > autoscale->max)) {
      sink_->Break("1 (min <= desired <= max)", absl::StrCat(ToString(key), ": desired ", desired, ", min ",
                                                             autoscale->min, ", max ", autoscale->max));
    }
    int64_t active = 0;
    for (const controller::ReplicaView& replica : service->replicas) {
      const auto node = view.nodes.find(replica.record.node);
      const bool here = node != view.nodes.end() && node->second->status != controller::NodeStatus::kLost;
      active += here && IsActive(replica.state) ? 1 : 0;
    }
    // A count that was lowered is reached by draining, at once, but not in a frozen cluster (R10.1).
    if (view.whole.frozen && !autoscale) {
      continue;
    }
    const int64_t most = (autoscale ? autoscale->max : desired) + kSurge;
    if (active > most) {
      sink_->Break(
          "1 (replicas <= max + surge)",
          absl::StrCat(ToString(key), ": ", active, " active on nodes that are not lost, at most ", most));
    }
  }
}

}  // namespace drover::sim
