#include "agent/runtime/policy_review.h"

#include "absl/strings/str_cat.h"

namespace drover::agent {

PolicyReview::~PolicyReview() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void PolicyReview::See(const std::shared_ptr<const Snapshot>& snapshot) {
  if (snapshot->known && !thread_.joinable()) {
    thread_ = std::thread([this, snapshot] { Look(*snapshot); });
  }
}

void PolicyReview::Look(const Snapshot& snapshot) const {
  const Calls::Guard guard(calls_, "policy of what runs");
  for (const ReplicaStatus& status : snapshot.replicas) {
    const auto service = snapshot.services.find(status.spec_hash);
    const auto published = snapshot.published.find(status.id);
    const bool runs = status.state == ReplicaState::kRunning || status.state == ReplicaState::kReady;
    if (!runs || service == snapshot.services.end() || published == snapshot.published.end()) {
      continue;
    }
    const v1::ServiceContext& context = *service->second;
    const v1::ContainerSpec& spec = context.container();
    const absl::Status allowed =
        policy_->MayRun(context, spec.image_id().empty() ? spec.image() : spec.image_id(), published->second);
    if (absl::IsPermissionDenied(allowed)) {
      notice_({"RunsAgainstPolicy",
               absl::StrCat(context.stack(), "/", context.service(),
                            " runs on, but would not be started again: ", allowed.message()),
               status.id, true});
    }
  }
}

}  // namespace drover::agent
