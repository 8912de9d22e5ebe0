#include "tests/sim/checkers/stops.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {

void Stops::OnAction(const World& world, const Host& host, const agent::Action& action) {
  using Kind = agent::Action::Kind;
  if (action.kind != Kind::kStop && action.kind != Kind::kRemove) {
    return;
  }
  const auto& remove = host.disk().remove;
  if (std::any_of(remove.begin(), remove.end(), [&](const auto& r) { return r.id == action.replica; })) {
    return;
  }
  const auto spec = world.registry.find(action.spec_hash);
  if (action.kind == Kind::kStop && spec != world.registry.end() && spec->second.singleton) {
    return;
  }
  sink_->Break("R1.3 (absence never stops)", absl::StrCat(host.name(), " stops ", ToString(action.replica),
                                                          ", which is in no remove list that it keeps"));
}

}  // namespace drover::sim
