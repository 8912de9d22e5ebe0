#include "tests/sim/checkers/knowledge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kUnknownNeverDown[] = "4 (unknown never scales down)";
constexpr Duration kFresh = absl::Seconds(3);
constexpr Duration kSlack = absl::Seconds(1);  // between a decision and the view that shows it
constexpr int64_t kMissingPercent = 20;

}  // namespace

void Knowledge::OnReport(const World& world, const Host& host, const controller::NodeReport& report) {
  // When it was really made, which the controller can only estimate (R2.2).
  const Instant sent = host.ToWorld(report.sent);
  for (const controller::QueueReading& reading : report.queues) {
    if (reading.ready) {
      queue_known_ = std::max(queue_known_.value_or(Instant()), sent - reading.age);
    }
  }
  for (const controller::ReplicaSample& sample : report.replicas) {
    if (!sample.cpu_milli) {
      continue;
    }
    for (const auto& [id, record] : world.controller->store().replicas) {
      if (record.node == report.node && record.handle == sample.handle) {
        cpu_known_[id] = std::max(cpu_known_[id], sent - sample.age);
      }
    }
  }
}

void Knowledge::OnControllerEnd() {
  queue_known_.reset();
  cpu_known_.clear();
}

void Knowledge::OnView(const World& world, const controller::View& view) {
  for (const auto& [key, service] : view.services) {
    const auto& decision = service->decision;
    if (!decision || !service->spec.autoscale || judged_[key] == decision->id) {
      continue;
    }
    judged_[key] = decision->id;
    if (decision->desired < decision->current && !service->record.held) {
      OnScaleDown(world, *service);
    }
  }
}

void Knowledge::OnScaleDown(const World& world, const controller::ServiceView& service) {
  const controller::Decision& decision = *service.decision;
  const Duration since = world.controller->Wall() - decision.at;
  const Instant decided = world.queue.now() - since;
  const auto fresh = [&](Instant made) { return decided - made <= kFresh + kSlack; };
  const std::string what =
      absl::StrCat(ToString(service.key), " goes from ", decision.current, " to ", decision.desired);
  for (const controller::SignalSpec& signal : service.spec.autoscale->signals) {
    if (signal.kind == controller::SignalSpec::Kind::kQueue) {
      if (!queue_known_ || !fresh(*queue_known_)) {
        sink_->Break(kUnknownNeverDown, absl::StrCat(what, " without a fresh reading of its queue"));
      }
      continue;
    }
    if (signal.kind != controller::SignalSpec::Kind::kCpu) {
      continue;
    }
    int64_t counted = 0;
    int64_t missing = 0;
    for (const controller::ReplicaView& replica : service.replicas) {
      if (replica.state != ReplicaState::kReady) {
        continue;
      }
      ++counted;
      const auto it = cpu_known_.find(replica.record.id);
      missing += it == cpu_known_.end() || !fresh(it->second) ? 1 : 0;
    }
    if (missing * 100 > counted * kMissingPercent) {
      sink_->Break(kUnknownNeverDown, absl::StrCat(what, " with fresh CPU samples of only ",
                                                   counted - missing, " of ", counted));
    }
  }
}

}  // namespace drover::sim
