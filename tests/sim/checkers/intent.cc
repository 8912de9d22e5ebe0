#include "tests/sim/checkers/intent.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kDurable[] = "R1.8 (durable before it is sent)";

}  // namespace

void Intent::OnOrder(const World& world, const Host& host, const controller::Order& order) {
  const auto* assignment = std::get_if<controller::Assignment>(&order.body);
  if (assignment == nullptr) {
    return;
  }
  sent_.emplace(host.index(), assignment->epoch, assignment->revision);
  const Store& store = world.controller->store();
  const auto node = store.nodes.find(host.node());
  if (assignment->epoch != store.epoch || node == store.nodes.end() ||
      node->second.revision < assignment->revision.value()) {
    sink_->Break(kDurable, absl::StrCat("assignment of epoch ", assignment->epoch.value(), " revision ",
                                        assignment->revision.value(), " to ", host.name(),
                                        " is newer than what is stored"));
  }
  for (const controller::RunReplica& run : assignment->run) {
    const auto it = store.replicas.find(run.id);
    if (it == store.replicas.end() || it->second.node != host.node()) {
      sink_->Break(kDurable,
                   absl::StrCat(ToString(run.id), " is sent to ", host.name(), ", its record is not there"));
    }
  }
  for (const controller::RemoveReplica& remove : assignment->remove) {
    const auto it = store.replicas.find(remove.id);
    if (it == store.replicas.end() || it->second.state != ReplicaState::kStopping) {
      sink_->Break(kDurable, absl::StrCat("the removal of ", ToString(remove.id), " is sent to ", host.name(),
                                          " without a durable tombstone"));
    }
  }
}

void Intent::OnHeld(const Host& host, const agent::HeldAssignment& before,
                    const agent::HeldAssignment& after) {
  if (after.highest_epoch < before.highest_epoch || after.epoch < before.epoch) {
    sink_->Break(
        "7 (the epoch never falls)",
        absl::StrCat(host.name(), " goes from epoch ", before.epoch.value(), " to ", after.epoch.value()));
  }
  const bool changed = after.epoch != before.epoch || after.revision != before.revision;
  if (changed && !sent_.contains({host.index(), after.epoch, after.revision})) {
    sink_->Break("4 and 7 (only what was committed is obeyed, an empty or old store orders nothing)",
                 absl::StrCat(host.name(), " obeys epoch ", after.epoch.value(), " revision ",
                              after.revision.value(), ", which the real store never ordered"));
  }
}

}  // namespace drover::sim
