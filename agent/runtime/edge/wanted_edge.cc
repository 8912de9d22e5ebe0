#include "agent/runtime/edge/wanted_edge.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/address.h"
#include "agent/runtime/edge/wanted_file.h"

namespace drover::agent {

WantedEdge::WantedEdge(std::string wanted_path, std::optional<std::vector<EdgeSet>> wanted)
    : wanted_path_(std::move(wanted_path)), wanted_(std::move(wanted)) {}

void WantedEdge::SetDesired(std::vector<EdgeSet> sets) {
  for (EdgeSet& set : sets) {
    for (EdgeBackend& backend : set.backends) {
      backend.address = CanonicalAddress(backend.address);
    }
  }
  const std::lock_guard lock(mutex_);
  stored_ = stored_ && wanted_ == sets;
  wanted_ = std::move(sets);
}

EdgeState WantedEdge::Reconcile(Instant now) {
  std::optional<std::vector<EdgeSet>> wanted;
  bool store = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = wanted_;
    store = !std::exchange(stored_, true);
  }
  absl::Status status;
  if (store) {
    status = StoreWanted(wanted_path_, *wanted);
  }
  EdgeState state = Round(wanted, now);
  if (!status.ok()) {
    const std::lock_guard lock(mutex_);
    stored_ = false;
    state.error = std::string(status.message());
  }
  return state;
}

EdgeCheckReport WantedEdge::Check(uint32_t handle) {
  std::optional<EdgeSet> set;
  {
    const std::lock_guard lock(mutex_);
    for (const EdgeSet& wanted : wanted_.value_or(std::vector<EdgeSet>())) {
      if (wanted.handle == handle) {
        set = wanted;
      }
    }
  }
  return set ? CheckSet(*set)
             : EdgeCheckReport{.error = "this node was not told of the service yet; try again in a moment"};
}

EdgeCheckReport WantedEdge::CheckSet(const EdgeSet& set) {
  EdgeCheckReport report;
  if (!set.attach.empty()) {
    report.error =
        absl::StrCat("this node's balancer is Drover's own; attach: ", set.attach,
                     " needs a foreign one: set edge.haproxy.socket or edge.nginx.include_dir in the "
                     "agent's configuration");
  }
  return report;
}

}  // namespace drover::agent
