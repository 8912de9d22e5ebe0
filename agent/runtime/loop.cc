#include "agent/runtime/loop.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "agent/runtime/clock.h"

namespace drover::agent {
namespace {
// Readiness and back-offs have their own wake-up; this bounds what a lost one could cost.
constexpr Duration kLongestSleep = absl::Seconds(1);
// A disk that cannot be written is tried again this often.
constexpr Duration kStoreRetry = absl::Seconds(1);
// What an adopted replica has for its first probe before it is reported as it is.
constexpr Duration kFirstProbes = absl::Seconds(2);
}  // namespace

class Loop::Impl {
 public:
  Impl(const CoreOptions& options, const HeldAssignment& held, Hooks hooks)
      : hooks_(std::move(hooks)), core_(options, held, Now()), snapshot_(std::make_shared<Snapshot>()) {
    // A state after a restart is published before the first event, so that Hello tells the truth.
    Publish({}, false);
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void Post(Event event) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(event));
    }
    wake_.notify_all();
  }

  std::shared_ptr<const Snapshot> snapshot() const {
    std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  void Run() {
    while (true) {
      std::deque<Event> batch;
      {
        std::unique_lock lock(mutex_);
        Duration sleep = wake_at_ ? std::min(kLongestSleep, *wake_at_ - Now()) : kLongestSleep;
        auto micros = std::chrono::microseconds(std::max<int64_t>(0, absl::ToInt64Microseconds(sleep)));
        wake_.wait_for(lock, micros, [this] { return stop_ || !queue_.empty(); });
        if (stop_) {
          return;
        }
        batch.swap(queue_);
      }
      for (const Event& event : batch) {
        core_.Step(event);
        NoteKnowledge(event);
      }
      core_.Step(Tick{Now()});
      Carry(core_.TakeReady());
      Settle();
    }
  }

  void NoteKnowledge(const Event& event) {
    if (std::holds_alternative<EngineListed>(event) && !known_by_) {
      known_by_ = Now() + kFirstProbes;
      for (const ReplicaStatus& status : core_.replicas()) {
        if (status.probe_ready) {
          unprobed_.insert(status.id);
        }
      }
    } else if (const auto* probed = std::get_if<ReadyProbed>(&event)) {
      unprobed_.erase(probed->replica);
    }
  }

  // A restart of the agent must not take ready replicas out of the load balancer, so the first full report
  // waits for their first probes.
  void Settle() {
    if (known_ || !known_by_) {
      return;
    }
    if (unprobed_.empty() || Now() >= *known_by_) {
      known_ = true;
      unprobed_.clear();
      Publish({}, true);
    } else {
      wake_at_ = std::min(wake_at_.value_or(*known_by_), *known_by_);
    }
  }

  // In the order that Ready prescribes. Until `held` is on disk nothing else of it happens (R1.6, R8).
  void Carry(Ready ready) {
    wake_at_ = ready.wake_at;
    if (ready.held) {
      while (true) {
        absl::Status stored = hooks_.store(*ready.held);
        if (stored.ok()) {
          break;
        }
        hooks_.notice({"StateNotWritable", std::string(stored.message()), ReplicaId(), true});
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, absl::ToChronoMilliseconds(kStoreRetry), [this] { return stop_; });
        if (stop_) {
          return;
        }
      }
    }
    Publish(ready.stops, ready.report_now);
    std::shared_ptr<const Snapshot> now = snapshot();
    for (Action& action : ready.actions) {
      std::string spec_hash = action.spec_hash;
      auto status = std::find_if(now->replicas.begin(), now->replicas.end(),
                                 [&](const ReplicaStatus& one) { return one.id == action.replica; });
      if (spec_hash.empty() && status != now->replicas.end()) {
        spec_hash = status->spec_hash;  // for pre_stop and the grace
      }
      auto service = now->services.find(spec_hash);
      hooks_.act(std::move(action), service == now->services.end() ? nullptr : service->second, now->epoch,
                 now->cluster);
    }
    for (Notice& notice : ready.notices) {
      hooks_.notice(std::move(notice));
    }
    if (ready.need_full) {
      hooks_.need_full();
    }
  }

  void Publish(const std::vector<StopResult>& stops, bool report_now) {
    const HeldAssignment& held = core_.held();
    auto next = std::make_shared<Snapshot>();
    next->known = known_;
    next->cluster = held.cluster;
    next->highest_epoch = held.highest_epoch;
    next->epoch = held.epoch;
    next->revision = held.revision;
    next->replicas = core_.replicas();
    next->unknown = core_.unknown();
    next->removed = core_.removed();
    for (const std::vector<StopResult>& list : {snapshot_->stops, stops}) {
      for (const StopResult& stop : list) {
        bool wanted = std::any_of(held.remove.begin(), held.remove.end(),
                                  [&](const RemoveReplica& remove) { return remove.id == stop.replica; });
        if (wanted) {
          next->stops.push_back(stop);
        }
      }
    }
    for (const ServiceContext& context : held.contexts) {
      auto known = snapshot_->services.find(context.spec_hash);
      if (known != snapshot_->services.end()) {
        next->services.insert(*known);
        continue;
      }
      auto parsed = std::make_shared<v1::ServiceContext>();
      parsed->ParseFromString(context.context);
      next->services[context.spec_hash] = std::move(parsed);
    }
    for (const RunReplica& run : held.run) {
      next->published[run.id] = run.published;
    }
    {
      std::lock_guard lock(mutex_);
      snapshot_ = next;
    }
    hooks_.publish(next, report_now);
  }

  Hooks hooks_;
  Core core_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Event> queue_;
  std::optional<Instant> wake_at_;
  bool stop_ = false;
  // Only on the loop's thread.
  bool known_ = false;
  std::optional<Instant> known_by_;  // set by the first list
  std::set<ReplicaId> unprobed_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::thread thread_;
};

Loop::Loop(const CoreOptions& options, const HeldAssignment& held, Hooks hooks)
    : impl_(std::make_unique<Impl>(options, held, std::move(hooks))) {}

Loop::~Loop() = default;

void Loop::Post(Event event) { impl_->Post(std::move(event)); }

std::shared_ptr<const Snapshot> Loop::snapshot() const { return impl_->snapshot(); }

}  // namespace drover::agent
