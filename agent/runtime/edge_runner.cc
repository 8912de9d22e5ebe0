#include "agent/runtime/edge_runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"

namespace drover::agent {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(1000);
constexpr auto kSoon = std::chrono::milliseconds(50);

// Something drains, or requests may wait for a first replica without the balancer `telling`.
bool IsUrgent(const EdgeSet& set, bool telling) {
  const auto drains = [](const EdgeBackend& backend) { return backend.drain; };
  const auto& backends = set.backends;
  return std::any_of(backends.begin(), backends.end(), drains) ||
         (!telling && set.hold > absl::ZeroDuration() && backends.empty());
}

// Some requests wait for the first replica.
bool Waits(const EdgeSetState& set) { return set.held.value_or(0) > 0; }

// What the controller waits for: revisions applied, drained replicas, the first request at zero, errors.
// Loads come with the interval.
bool IsNews(const std::optional<EdgeState>& before, const EdgeState& after) {
  if (!before || before->reachable != after.reachable || before->instance != after.instance ||
      before->sets.size() != after.sets.size()) {
    return true;
  }
  for (size_t i = 0; i < after.sets.size(); ++i) {
    const EdgeSetState& a = before->sets[i];
    const EdgeSetState& b = after.sets[i];
    bool same = a.handle == b.handle && a.applied_epoch == b.applied_epoch &&
                a.applied_revision == b.applied_revision && a.error == b.error &&
                a.servers.size() == b.servers.size() && Waits(a) == Waits(b);
    if (!same) {
      return true;
    }
    for (size_t k = 0; k < b.servers.size(); ++k) {
      if (a.servers[k].up != b.servers[k].up ||
          (a.servers[k].in_flight > 0) != (b.servers[k].in_flight > 0)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

EdgeRunner::EdgeRunner(std::unique_ptr<Edge> edge, std::function<void()> news,
                       std::function<absl::Status(const std::string&)> may_serve)
    : edge_(std::move(edge)), news_(std::move(news)), may_serve_(std::move(may_serve)) {
  telling_ = edge_->OnHeld([this] { Look(); });
  thread_ = std::thread([this] { Run(); });
}

EdgeRunner::~EdgeRunner() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  edge_->OnHeld(nullptr);
}

void EdgeRunner::Look() {
  {
    std::lock_guard lock(mutex_);
    look_ = true;
  }
  wake_.notify_all();
}

void EdgeRunner::SetDesired(std::pair<uint64_t, uint64_t> version, std::vector<EdgeSet> sets) {
  {
    std::lock_guard lock(mutex_);
    if (version < version_) {
      return;
    }
    version_ = version;
    wanted_ = std::move(sets);
  }
  wake_.notify_all();
}

std::optional<EdgeState> EdgeRunner::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

EdgeCheckReport EdgeRunner::Check(uint32_t handle) {
  std::future<EdgeCheckReport> answer;
  {
    std::lock_guard lock(mutex_);
    answer = questions_.emplace_back(Question{.handle = handle, .answer = {}}).answer.get_future();
  }
  Look();
  return answer.get();
}

void EdgeRunner::AnswerAll(std::unique_lock<std::mutex>& lock) {
  std::vector<Question> questions = std::exchange(questions_, {});
  lock.unlock();
  for (Question& question : questions) {
    question.answer.set_value(edge_->Check(question.handle));
  }
  lock.lock();
}

void EdgeRunner::DropForbidden(std::vector<EdgeSet>& sets) {
  forbidden_.clear();
  for (EdgeSet& set : sets) {
    std::erase_if(set.listeners, [&](const EdgeListener& listener) {
      const absl::Status allowed =
          listener.tls_path.empty() ? absl::OkStatus() : may_serve_(listener.tls_path);
      if (!allowed.ok()) {
        forbidden_[set.handle] = absl::StrCat("PolicyRefused: ", allowed.message());
      }
      return !allowed.ok();
    });
  }
}

void EdgeRunner::ShowForbidden(EdgeState& state) const {
  for (EdgeSetState& set : state.sets) {
    if (const auto why = forbidden_.find(set.handle); why != forbidden_.end() && set.error.empty()) {
      set.error = why->second;
    }
  }
}

void EdgeRunner::Run() {
  bool soon = false;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (wanted_) {
      soon = std::any_of(wanted_->begin(), wanted_->end(),
                         [this](const EdgeSet& set) { return IsUrgent(set, telling_); });
      std::vector<EdgeSet> sets = *std::exchange(wanted_, std::nullopt);
      lock.unlock();
      DropForbidden(sets);
      edge_->SetDesired(std::move(sets));
      lock.lock();
    }
    look_ = false;
    lock.unlock();
    EdgeState next = edge_->Reconcile(Now());
    ShowForbidden(next);
    lock.lock();
    bool news = IsNews(state_, next);
    state_ = std::move(next);
    if (news) {
      lock.unlock();
      news_();
      lock.lock();
    }
    AnswerAll(lock);
    wake_.wait_for(lock, soon || state_->pending ? kSoon : kInterval,
                   [this] { return stop_ || look_ || wanted_.has_value(); });
  }
  AnswerAll(lock);
}

}  // namespace drover::agent
