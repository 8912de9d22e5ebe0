#include "controller/runtime/loop.h"

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/status.h"
#include "controller/runtime/logger.h"

namespace drover::controller {
namespace {

constexpr Duration kFirstRetry = absl::Milliseconds(200);
constexpr Duration kLongestRetry = absl::Seconds(5);
// The core takes a longer gap between ticks as its own absence (R2.4), so they come at least this often.
constexpr Duration kTickInterval = absl::Seconds(1);

double Seconds(Duration d) { return absl::ToDoubleSeconds(d); }

// Gives an operator's event its request number; false for every other event.
bool SetRequest(Event& event, RequestId request) {
  return std::visit(
      [request](auto& e) {
        if constexpr (requires { e.request; }) {
          e.request = request;
          return true;
        } else {
          return false;
        }
      },
      event);
}

}  // namespace

class Loop::Impl {
 public:
  Impl(Options options, StateStore* store, StateStore::Opened opened, uint64_t seed)
      : options_(std::move(options)),
        store_(store),
        core_(options_.core, opened.state,
              CoreStart{.now = Now(), .wall = absl::Now(), .epoch = opened.epoch, .seed = seed}) {
    auto view = std::make_shared<View>();
    view->now = Now();
    view->wall = absl::Now();
    view->cluster = opened.state.cluster;
    view->epoch = opened.epoch;
    view->not_ready_reason = "starting";
    view_ = std::move(view);
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(queue_mutex_);
      stopping_ = true;
    }
    queue_filled_.notify_all();
    queue_drained_.notify_all();
    thread_.join();
    FailCalls(absl::UnavailableError("the controller is stopping"));
    published_.notify_all();
  }

  void Post(Event event, bool quiet) {
    bool wake = false;
    {
      std::unique_lock lock(queue_mutex_);
      queue_drained_.wait(lock, [this] { return queue_.size() < options_.queue_limit || stopping_; });
      if (stopping_) {
        return;
      }
      queue_.push_back(std::move(event));
      urgent_ = urgent_ || !quiet || queue_.size() * 2 >= options_.queue_limit;
      wake = urgent_ || !lingering_;
    }
    if (wake) {
      queue_filled_.notify_one();
    }
  }

  absl::StatusOr<Reply> Call(Event event, Duration timeout) {
    RETURN_IF_ERROR(StoreProblem());
    auto call = std::make_shared<PendingCall>();
    RequestId request;
    {
      const std::lock_guard lock(calls_mutex_);
      request = RequestId(++last_request_);
      calls_[request] = call;
    }
    DROVER_CHECK(SetRequest(event, request));
    Post(std::move(event), /*quiet=*/false);
    std::unique_lock lock(calls_mutex_);
    replied_.wait_for(lock, absl::ToChronoNanoseconds(timeout), [&] { return call->result.has_value(); });
    calls_.erase(request);
    if (call->result.has_value()) {
      return *std::move(call->result);
    }
    lock.unlock();
    RETURN_IF_ERROR(StoreProblem());
    return absl::DeadlineExceededError(
        absl::StrCat("no answer within ", absl::FormatDuration(timeout),
                     "; the change may still be made, look before trying again"));
  }

  std::shared_ptr<const View> view() const {
    const std::lock_guard lock(published_mutex_);
    return view_;
  }

  std::shared_ptr<const View> WaitView(const View* than, Duration timeout) const {
    std::unique_lock lock(published_mutex_);
    published_.wait_for(lock, absl::ToChronoNanoseconds(timeout), [&] { return view_.get() != than; });
    return view_;
  }

  std::vector<EventRecord> Events(uint64_t since, size_t limit, Duration timeout) const {
    std::unique_lock lock(published_mutex_);
    published_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                        [&] { return !events_.empty() && events_.back().id > since; });
    const auto first = std::upper_bound(events_.begin(), events_.end(), since,
                                        [](uint64_t id, const EventRecord& e) { return id < e.id; });
    const auto count = std::min(limit, static_cast<size_t>(events_.end() - first));
    return {first, first + static_cast<std::ptrdiff_t>(count)};
  }

  Stats stats() const {
    const std::scoped_lock lock(published_mutex_, queue_mutex_);
    Stats stats = stats_;
    stats.queue_length = queue_.size();
    return stats;
  }

 private:
  struct PendingCall {
    std::optional<absl::StatusOr<Reply>> result;
  };

  void Run() {
    while (true) {
      const bool stop = TakeBatch(pending_ ? std::min(retry_at_, tick_at_) : tick_at_);
      StepBatch();
      if (!pending_) {
        pending_ = core_.TakeReady();
        tick_at_ = std::min(tick_at_, pending_->wake_at.value_or(tick_at_));
        retry_at_ = Now();
      }
      if (stop || Now() >= retry_at_) {
        TryCarryOut();
      }
      if (stop) {
        return;
      }
    }
  }

  // Waits for events, `until` or the end, and moves all queued events to `batch_`. True: the end.
  bool TakeBatch(Instant until) {
    std::unique_lock lock(queue_mutex_);
    const auto wait = [&](Instant at, const auto& awake) {
      const Duration left = std::max(at - Now(), absl::ZeroDuration());
      queue_filled_.wait_for(lock, absl::ToChronoNanoseconds(left), awake);
    };
    lingering_ = true;
    wait(std::min(until, quiet_until_), [this] { return urgent_ || stopping_; });
    lingering_ = false;
    wait(until, [this] { return !queue_.empty() || stopping_; });
    quiet_until_ = Now() + options_.quiet_interval;
    urgent_ = false;
    std::swap(batch_, queue_);
    const bool stop = stopping_;
    lock.unlock();
    queue_drained_.notify_all();
    return stop;
  }

  // The tick comes after what was queued: nobody is judged silent while his report waits (R2.4).
  void StepBatch() {
    const Instant start = Now();
    const uint64_t count = batch_.size();
    for (const Event& event : batch_) {
      core_.Step(event);
    }
    batch_.clear();
    if (const Instant now = Now(); now >= tick_at_) {
      core_.Step(Tick{.now = now, .wall = absl::Now()});
      tick_at_ = now + kTickInterval;
    }
    const std::lock_guard lock(published_mutex_);
    stats_.events += count;
    stats_.step_seconds += Seconds(Now() - start);
  }

  // Commits the outstanding Ready and, once that is durable, lets its effects out.
  void TryCarryOut() {
    if (!pending_->changes.empty()) {
      const Instant start = Now();
      const absl::Status status = store_->Commit(pending_->changes);
      {
        const std::lock_guard lock(published_mutex_);
        stats_.commit_seconds += Seconds(Now() - start);
        ++(status.ok() ? stats_.commits : stats_.commit_failures);
      }
      if (!status.ok()) {
        StoreFailed(status);
        return;
      }
      StoreRecovered();
    }
    Ready ready = *std::move(pending_);
    pending_.reset();
    for (Order& order : ready.orders) {
      options_.send(std::move(order));
    }
    if (options_.record && !(ready.history.empty() && ready.events.empty()) &&
        options_.record(std::move(ready.history), ready.events)) {
      core_.Step(HistoryBegins{.now = Now()});
    }
    Publish(std::move(ready.view), std::move(ready.events));
    Answer(std::move(ready.replies));
  }

  void StoreFailed(const absl::Status& status) {
    const bool first = !store_failing_;
    store_failing_ = true;
    retry_after_ = first ? kFirstRetry : std::min(retry_after_ * 2, kLongestRetry);
    retry_at_ = Now() + retry_after_;
    if (!first) {
      return;
    }
    const std::string error(status.message());
    Log(LogLevel::kError, "the state can't be written; nothing new is decided until it can",
        {{"reason", error}});
    core_.Step(StoreHealth{.now = Now(), .writable = false, .error = error});
    const std::lock_guard lock(published_mutex_);
    store_problem_ = absl::UnavailableError(absl::StrCat("the state can't be written: ", error));
    // The core's own view would wait behind the Ready that can't be committed.
    auto view = std::make_shared<View>(*view_);
    view->ready = false;
    view->not_ready_reason = std::string(store_problem_.message());
    view_before_failure_ = std::exchange(view_, std::move(view));
    published_.notify_all();
  }

  void StoreRecovered() {
    if (!std::exchange(store_failing_, false)) {
      return;
    }
    Log(LogLevel::kInfo, "the state can be written again");
    core_.Step(StoreHealth{.now = Now(), .writable = true, .error = ""});
    const std::lock_guard lock(published_mutex_);
    store_problem_ = absl::OkStatus();
    view_ = std::move(view_before_failure_);
    published_.notify_all();
  }

  absl::Status StoreProblem() const {
    const std::lock_guard lock(published_mutex_);
    return store_problem_;
  }

  void Publish(std::shared_ptr<const View> view, std::vector<EventRecord> events) {
    if (view == nullptr && events.empty()) {
      return;
    }
    const std::lock_guard lock(published_mutex_);
    if (view != nullptr) {
      view_ = std::move(view);
    }
    for (EventRecord& event : events) {
      events_.push_back(std::move(event));
    }
    while (events_.size() > options_.events_kept) {
      events_.pop_front();
    }
    published_.notify_all();
  }

  void Answer(std::vector<Reply> replies) {
    if (replies.empty()) {
      return;
    }
    const std::lock_guard lock(calls_mutex_);
    for (Reply& reply : replies) {
      if (const auto it = calls_.find(reply.request); it != calls_.end()) {
        it->second->result = std::move(reply);
      }
    }
    replied_.notify_all();
  }

  void FailCalls(const absl::Status& status) {
    const std::lock_guard lock(calls_mutex_);
    for (auto& [request, call] : calls_) {
      if (!call->result.has_value()) {
        call->result = status;
      }
    }
    replied_.notify_all();
  }

  const Options options_;
  StateStore* const store_;

  // The loop's thread only.
  Core core_;
  std::vector<Event> batch_;
  std::optional<Ready> pending_;  // taken, not yet durable
  Instant tick_at_;
  Instant retry_at_;
  Instant quiet_until_;  // before it quiet events alone are not looked at
  Duration retry_after_;
  bool store_failing_ = false;
  std::shared_ptr<const View> view_before_failure_;

  mutable std::mutex queue_mutex_;
  std::condition_variable queue_filled_;
  std::condition_variable queue_drained_;
  std::vector<Event> queue_;
  bool urgent_ = false;     // something in the queue does not wait
  bool lingering_ = false;  // the thread sleeps until `quiet_until_` unless there is something urgent
  bool stopping_ = false;

  mutable std::mutex published_mutex_;
  mutable std::condition_variable published_;
  std::shared_ptr<const View> view_;
  std::deque<EventRecord> events_;  // ascending id, at most events_kept
  Stats stats_;
  absl::Status store_problem_;

  std::mutex calls_mutex_;
  std::condition_variable replied_;
  std::map<RequestId, std::shared_ptr<PendingCall>> calls_;
  uint64_t last_request_ = 0;

  std::thread thread_;
};

Loop::Loop(Options options, StateStore* store, StateStore::Opened opened, uint64_t seed)
    : impl_(std::make_unique<Impl>(std::move(options), store, std::move(opened), seed)) {}

Loop::~Loop() = default;

void Loop::Post(Event event, bool quiet) { impl_->Post(std::move(event), quiet); }

absl::StatusOr<Reply> Loop::Call(Event event, Duration timeout) {
  return impl_->Call(std::move(event), timeout);
}

std::shared_ptr<const View> Loop::view() const { return impl_->view(); }

std::shared_ptr<const View> Loop::WaitView(const View* than, Duration timeout) const {
  return impl_->WaitView(than, timeout);
}

std::vector<EventRecord> Loop::Events(uint64_t since, size_t limit, Duration timeout) const {
  return impl_->Events(since, limit, timeout);
}

Loop::Stats Loop::stats() const { return impl_->stats(); }

}  // namespace drover::controller
