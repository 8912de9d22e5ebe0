#include "agent/runtime/executor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/runtime/engine_actions.h"

namespace drover::agent {
namespace {

// Events of an action may come this long after its end.
constexpr Duration kAfterglow = absl::Seconds(5);

std::string NameOf(const Executor::Job& job) {
  static const char* const kVerbs[] = {"pull", "create", "start", "stop", "remove", "inspect"};
  std::string what = job.service == nullptr ? ToString(job.action.replica)
                                            : absl::StrCat(job.service->stack(), "-", job.service->service(),
                                                           "-", job.action.number);
  if (job.action.kind == Action::Kind::kPull && job.service != nullptr) {
    what = job.service->container().image();
  }
  return absl::StrCat("docker ", kVerbs[static_cast<int>(job.action.kind)], " ", what);
}

bool EndsContainer(const Action& action) {
  return action.kind == Action::Kind::kStop || action.kind == Action::Kind::kRemove;
}

}  // namespace

class Executor::Impl {
 public:
  Impl(ExecutorOptions options, docker::Client* engine, HostResources* resources, Calls* calls)
      : options_(std::move(options)), calls_(calls), actions_(&options_, engine, resources) {}

  ~Impl() {
    actions_.Abort();
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  void Submit(Job job) {
    {
      std::lock_guard lock(mutex_);
      if (EndsContainer(job.action)) {
        ++running_[job.action.replica];
      }
      queue_.push_back(std::move(job));
      // Threads come when they are needed: most hosts never stop 32 replicas at once.
      if (idle_ < queue_.size() && threads_.size() < options_.threads) {
        threads_.emplace_back([this] { Work(); });
      }
    }
    wake_.notify_one();
  }

  bool Ends(ReplicaId replica) const {
    std::lock_guard lock(mutex_);
    if (running_.contains(replica)) {
      return true;
    }
    auto ended = ended_.find(replica);
    return ended != ended_.end() && Now() - ended->second < kAfterglow;
  }

  EngineActions& actions() { return actions_; }

 private:
  void Work() {
    while (true) {
      std::unique_lock lock(mutex_);
      ++idle_;
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      --idle_;
      if (stop_) {
        return;
      }
      Job job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();

      Instant start = Now();
      ActionDone done;
      {
        Calls::Guard guard(calls_, NameOf(job));
        done = actions_.Run(job);
      }
      done.now = Now();
      done.action = job.action.id;
      if (job.action.kind != Action::Kind::kStop) {  // its own time is from signal to exit
        done.took = done.now - start;
      }
      lock.lock();
      if (EndsContainer(job.action)) {
        if (--running_[job.action.replica] == 0) {
          running_.erase(job.action.replica);
        }
        std::erase_if(ended_, [&](const auto& entry) { return done.now - entry.second > kAfterglow; });
        ended_[job.action.replica] = done.now;
      }
      lock.unlock();
      options_.done(std::move(done), job.action.kind);
    }
  }

  ExecutorOptions options_;
  Calls* calls_;
  EngineActions actions_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  std::map<ReplicaId, int> running_;  // stops and removals, queued or under way
  std::map<ReplicaId, Instant> ended_;
  size_t idle_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

Executor::Executor(ExecutorOptions options, docker::Client* engine, HostResources* resources, Calls* calls)
    : impl_(std::make_unique<Impl>(std::move(options), engine, resources, calls)) {}

Executor::~Executor() = default;

void Executor::Submit(Job job) { impl_->Submit(std::move(job)); }

bool Executor::Ends(ReplicaId replica) const { return impl_->Ends(replica); }

void Executor::SetApiMinor(int minor) { impl_->actions().SetApiMinor(minor); }

}  // namespace drover::agent
