#include "agent/core/core.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/core/assignment.h"
#include "agent/core/model.h"
#include "agent/core/steps.h"

namespace drover::agent {

class Core::Impl {
 public:
  Impl(const CoreOptions& options, const HeldAssignment& held, Instant now) : model_(options, held, now) {}

  void Step(const Event& event) {
    std::visit([this](const auto& e) { model_.Fold(e); }, event);
  }

  Ready TakeReady() {
    model_.Settle();
    std::vector<Action> actions = planner_.Plan(model_);
    Ready ready = model_.TakeNews();
    ready.actions = std::move(actions);
    ready.wake_at = model_.WakeAt();
    return ready;
  }

  Model model_;
  Planner planner_;
};

Core::Core(const CoreOptions& options, const HeldAssignment& held, Instant now)
    : impl_(std::make_unique<Impl>(options, held, now)) {}

Core::~Core() = default;

void Core::Step(const Event& event) { impl_->Step(event); }

Ready Core::TakeReady() { return impl_->TakeReady(); }

const HeldAssignment& Core::held() const { return impl_->model_.held(); }

std::vector<ReplicaStatus> Core::replicas() const { return impl_->model_.Statuses(); }

std::vector<UnknownReplica> Core::unknown() const { return impl_->model_.Unknown(); }

std::vector<ReplicaId> Core::removed() const { return impl_->model_.Removed(); }

}  // namespace drover::agent
