#include "simulate/model.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <queue>
#include <utility>

#include "common/check.h"

namespace drover::simulate {
namespace {

// How long a run goes on after its trace when the policy leaves jobs waiting for ever.
constexpr int64_t kPatienceSeconds = 86400;

// Mean of the last samples, as late as a monitoring pipeline is.
class LateMean {
 public:
  explicit LateMean(const UtilizationWindow& window) : mean_(window.mean_s), delay_(window.late_s - 1) {}

  void Add(std::optional<double> sample) {
    samples_.push_back(sample);
    if (static_cast<int64_t>(samples_.size()) > mean_ + delay_) {
      samples_.pop_front();
    }
  }

  std::optional<double> Get() const {
    double sum = 0;
    int64_t count = 0;
    const int64_t old = static_cast<int64_t>(samples_.size()) - delay_;
    for (int64_t i = 0; i < old; ++i) {
      if (const std::optional<double>& sample = samples_[static_cast<size_t>(i)]) {
        sum += *sample;
        ++count;
      }
    }
    return count == 0 ? std::nullopt : std::optional<double>(sum / static_cast<double>(count));
  }

 private:
  int64_t mean_;
  int64_t delay_;                              // ticks: a state is that of the end of the second before
  std::deque<std::optional<double>> samples_;  // one a second, oldest first
};

class Model {
 public:
  Model(const Jobs& jobs, const ModelOptions& options, Prng& startups, Policy& policy)
      : jobs_(jobs),
        options_(options),
        startups_(startups),
        failures_(startups.Split("failures")),
        policy_(policy),
        utilization_(options.utilization) {
    run_.wait_s.resize(jobs.arrival_s.size());
    for (int64_t i = 0; i < options.initial; ++i) {
      idle_.push_back({.at = 0, .id = NewReplica(0)});
    }
    run_.launches = 0;
    run_.seconds = options.seconds;
  }

  Run ToTheEnd() {
    for (int64_t second = 0; !Over(second); ++second) {
      Tick(second);
      if (options_.progress && second % 3600 == 0) {
        options_.progress(second);
      }
    }
    return std::move(run_);
  }

 private:
  enum class State : uint8_t { kStarting, kReady, kDraining, kGone };

  struct Replica {
    State state = State::kReady;
    bool fails = false;
    double launched_at = 0;
  };

  // A replica and when it is next due: its start-up or its job ends, or it became idle.
  struct Due {
    double at = 0;
    size_t id = 0;

    friend bool operator>(const Due& a, const Due& b) { return std::tie(a.at, a.id) > std::tie(b.at, b.id); }
  };

  using Calendar = std::priority_queue<Due, std::vector<Due>, std::greater<>>;

  size_t NewReplica(double now) {
    replicas_.push_back({.state = State::kReady, .fails = false, .launched_at = now});
    living_.push_back(replicas_.size() - 1);
    ++run_.launches;
    return replicas_.size() - 1;
  }

  bool Over(int64_t second) {
    if (second < options_.seconds ||
        (next_start_ < jobs_.arrival_s.size() && second < options_.seconds + kPatienceSeconds)) {
      return false;
    }
    Close(static_cast<double>(second));
    return true;
  }

  void Close(double now) {
    for (size_t id = 0; id < replicas_.size(); ++id) {
      if (replicas_[id].state != State::kGone) {
        Bill(id, now);
      }
    }
    for (size_t job = next_start_; job < jobs_.arrival_s.size(); ++job) {
      run_.wait_s[job] = now - jobs_.arrival_s[job];
    }
  }

  // Cost counts up to the end of the trace.
  void Bill(size_t id, double until) {
    Replica& replica = replicas_[id];
    const double end = std::min(until, static_cast<double>(options_.seconds));
    run_.replica_s += std::max(0.0, end - replica.launched_at);
    replica.state = State::kGone;
  }

  void Tick(int64_t second) {
    const double now = static_cast<double>(second);
    BecomeReady(now);
    EndJobs(now);
    Sample(second);
    Act(now);
    StartJobs(now + 1);
  }

  void BecomeReady(double now) {
    while (!starting_.empty() && starting_.top().at <= now) {
      const Due due = starting_.top();
      starting_.pop();
      Replica& replica = replicas_[due.id];
      if (replica.state != State::kStarting) {
        continue;
      }
      --starting_count_;
      if (replica.fails) {
        Bill(due.id, due.at);
        ++now_.failed_starts;
        continue;
      }
      replica.state = State::kReady;
      now_.startup_times_s.push_back(due.at - replica.launched_at);
      BecomeIdle(due);
    }
  }

  // `idle_` is in order of the time since when each is free.
  void BecomeIdle(Due due) {
    auto place = idle_.end();
    while (place != idle_.begin() && *std::prev(place) > due) {
      --place;
    }
    idle_.insert(place, due);
  }

  void EndJobs(double now) {
    while (!busy_.empty() && busy_.top().at <= now) {
      EndJob();
    }
  }

  void EndJob() {
    const Due due = busy_.top();
    busy_.pop();
    ++now_.completions;
    if (replicas_[due.id].state == State::kDraining) {
      --draining_;
      Bill(due.id, due.at);
    } else {
      BecomeIdle(due);
    }
  }

  int64_t ready() const { return static_cast<int64_t>(idle_.size() + busy_.size()) - draining_; }

  void Sample(int64_t second) {
    now_.second = second;
    now_.waiting = now_.arrivals - now_.starts;
    now_.running = static_cast<int64_t>(busy_.size());
    now_.ready = ready();
    now_.starting = starting_count_;
    now_.draining = draining_;
    utilization_.Add(now_.ready == 0 ? std::nullopt
                                     : std::optional<double>(static_cast<double>(now_.running - draining_) /
                                                             static_cast<double>(now_.ready)));
    now_.utilization = utilization_.Get();
    run_.ready.push_back(static_cast<int32_t>(now_.ready));
    run_.waiting.push_back(static_cast<int32_t>(now_.waiting));
  }

  void Act(double now) {
    const auto before = std::chrono::steady_clock::now();
    const int64_t wanted = policy_.Desired(now_);
    run_.policy_cpu_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
    now_.waits_s.clear();
    now_.startup_times_s.clear();
    now_.failed_starts = 0;
    const int64_t desired = std::clamp(wanted, options_.min, options_.max);
    const int64_t change = desired - now_.current();
    if (change > 0) {
      Launch(change, now);
    } else if (change < 0) {
      Remove(-change, now);
      last_removal_ = now;
    }
    run_.actions += change != 0 ? 1 : 0;
    run_.billed.push_back(static_cast<int32_t>(ready() + starting_count_ + draining_));
  }

  void Launch(int64_t count, double now) {
    const double mean = (options_.startup_low_s + options_.startup_high_s) / 2;
    if (last_removal_ >= 0 && now - last_removal_ < mean) {
      run_.restarts += count;
    }
    for (int64_t i = 0; i < count; ++i) {
      const size_t id = NewReplica(now);
      const double delay =
          options_.startup_low_s + startups_.Uniform() * (options_.startup_high_s - options_.startup_low_s);
      replicas_[id].state = State::kStarting;
      replicas_[id].fails = options_.fails > 0 && failures_.Chance(options_.fails);
      starting_.push({.at = now + delay, .id = id});
      youngest_starting_.push_back(id);
      ++starting_count_;
    }
  }

  // Starting ones first, youngest first, then idle, then busy, youngest first.
  void Remove(int64_t count, double now) {
    while (count > 0 && starting_count_ > 0) {
      const size_t id = youngest_starting_.back();
      youngest_starting_.pop_back();
      if (replicas_[id].state == State::kStarting) {
        Bill(id, now);
        --starting_count_;
        --count;
      }
    }
    for (; count > 0 && !idle_.empty(); --count) {
      Bill(idle_.back().id, now);
      idle_.pop_back();
    }
    if (count > 0) {
      Drain(static_cast<size_t>(count));
    }
  }

  void Drain(size_t count) {
    std::erase_if(living_, [this](size_t id) {
      return replicas_[id].state == State::kGone || replicas_[id].state == State::kDraining;
    });
    for (auto id = living_.rbegin(); id != living_.rend() && count > 0; ++id) {
      Replica& replica = replicas_[*id];
      if (replica.state == State::kReady) {
        replica.state = State::kDraining;
        ++draining_;
        --count;
      }
    }
  }

  // All that arrive before `end`, on the replica that has been free longest.
  void StartJobs(double end) {
    while (next_arrival_ < jobs_.arrival_s.size() && jobs_.arrival_s[next_arrival_] < end) {
      ++next_arrival_;
    }
    now_.arrivals = static_cast<int64_t>(next_arrival_);
    for (; next_start_ < next_arrival_; ++next_start_) {
      while (idle_.empty() && !busy_.empty() && busy_.top().at < end) {
        EndJob();
      }
      if (idle_.empty()) {
        break;
      }
      const Due free = idle_.front();
      idle_.pop_front();
      const double arrival = jobs_.arrival_s[next_start_];
      const double start = std::max(arrival, free.at);
      run_.wait_s[next_start_] = start - arrival;
      now_.waits_s.push_back(start - arrival);
      busy_.push({.at = start + jobs_.length_s[next_start_], .id = free.id});
    }
    now_.starts = static_cast<int64_t>(next_start_);
  }

  const Jobs& jobs_;
  const ModelOptions& options_;
  Prng& startups_;
  Prng failures_;
  Policy& policy_;
  Run run_;

  std::vector<Replica> replicas_;  // by id: all that ever were, in order of their launch
  std::vector<size_t> living_;     // ids by age, gone and draining ones now and then taken out
  Calendar starting_;              // cancelled ones too, until they are due
  std::vector<size_t> youngest_starting_;
  int64_t starting_count_ = 0;
  std::deque<Due> idle_;
  Calendar busy_;
  int64_t draining_ = 0;
  double last_removal_ = -1;

  size_t next_arrival_ = 0;  // first job that has not arrived
  size_t next_start_ = 0;    // first job that has not started
  LateMean utilization_;
  Observation now_;
};

}  // namespace

Run RunModel(const Jobs& jobs, const ModelOptions& options, Prng& startups, Policy& policy) {
  DROVER_CHECK(options.min >= 0 && options.min <= options.max);
  return Model(jobs, options, startups, policy).ToTheEnd();
}

}  // namespace drover::simulate
