#include "tests/sim/checkers/words.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

// A controller that is frozen takes it when it goes on.
constexpr Duration kTakenWithin = absl::Seconds(40);

}  // namespace

void Words::OnCommit(const World& world, const std::vector<controller::StoreChange>& changes) {
  if (world.queue.now() - asked_ < kTakenWithin) {
    return;
  }
  const Store& store = world.controller->store();
  controller::ClusterRecord now = store.whole;
  for (const controller::StoreChange& change : changes) {
    if (const auto* whole = std::get_if<controller::ClusterRecord>(&change)) {
      now = *whole;
    }
  }
  for (const controller::StoreChange& change : changes) {
    const auto* after = std::get_if<controller::ServiceRecord>(&change);
    if (after == nullptr) {
      continue;
    }
    const auto before = store.services.find(after->key);
    if (before == store.services.end()) {
      continue;
    }
    // Both: what began or ended with this batch may have changed the count rightly.
    const bool held = before->second.held && after->held;
    const bool paused = before->second.paused && after->paused && !after->pause_down_only;
    const bool down_only = before->second.paused && after->paused && after->pause_down_only;
    const bool frozen = store.whole.frozen && now.frozen && before->second.desired > 0;
    const int64_t was = before->second.desired;
    if (((held || paused || frozen) && after->desired != was) || (down_only && after->desired < was)) {
      sink_->Break("R10.1 (an operator's word holds)",
                   absl::StrCat(ToString(after->key), " goes from ", was, " to ", after->desired,
                                held     ? ", though it is held"
                                : frozen ? ", though the cluster is frozen"
                                         : ", though it is paused"));
    }
  }
}

}  // namespace drover::sim
