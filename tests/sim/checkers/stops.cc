#include "tests/sim/checkers/stops.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {
namespace {

constexpr char kNotCold[] = "3 (KILL never before the grace, nothing is stopped cold)";

bool HasRequests(const World& world, ReplicaId id) {
  return world.consumer->Routes(id) ||
         std::any_of(world.hosts.begin(), world.hosts.end(), [id](const auto& h) {
           return h->edge() != nullptr && (h->edge()->Routes(id) || h->edge()->InFlight(id) > 0);
         });
}

}  // namespace

void Stops::OnAction(const World& world, const Host& host, const agent::Action& action) {
  using Kind = agent::Action::Kind;
  if (action.kind != Kind::kStop && action.kind != Kind::kRemove) {
    return;
  }
  const auto& remove = host.disk().remove;
  const auto listed =
      std::find_if(remove.begin(), remove.end(), [&](const auto& r) { return r.id == action.replica; });
  const auto box = host.engine().boxes().find(action.replica);
  const bool there = box != host.engine().boxes().end();
  const auto spec = world.registry.find(there ? box->second.container.spec_hash : action.spec_hash);
  const bool known = spec != world.registry.end();
  const bool runs = known && there && box->second.container.status == agent::Container::Status::kRunning;
  const std::string what = absl::StrCat(host.name(), " stops ", ToString(action.replica));
  if (listed == remove.end() && !(action.kind == Kind::kStop && known && spec->second.singleton)) {
    sink_->Break("R1.3 (absence never stops)",
                 absl::StrCat(what, ", which is in no remove list that it keeps"));
  }
  if (action.kind == Kind::kRemove || !runs) {
    return;
  }
  if (action.grace != absl::ZeroDuration() && action.grace < spec->second.stop_grace) {
    sink_->Break(kNotCold, absl::StrCat(what, " with a grace of ", absl::FormatDuration(action.grace),
                                        ", its own is ", absl::FormatDuration(spec->second.stop_grace)));
  }
  if (listed != remove.end() && !listed->forced && HasRequests(world, action.replica)) {
    sink_->Break(kNotCold, absl::StrCat(what, ", which requests still go to"));
  }
}

}  // namespace drover::sim
