#include "agent/runtime/sensors/prober.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/runtime/sensors/queue_source.h"

namespace drover::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kDefaultInterval = std::chrono::milliseconds(100);
// What fails is asked again after a pause that doubles, whatever the interval, up to the longer of the
// longest pause and two intervals.
constexpr auto kFirstPause = std::chrono::milliseconds(500);
constexpr auto kLongestPause = std::chrono::milliseconds(2000);

// One probe with its newest reading.
struct Entry {
  v1::Probe probe;
  Clock::time_point due;
  bool read = false;
  QueueReading last;
  Clock::time_point read_at;
  std::chrono::milliseconds pause{0};  // after the newest failure
};

std::chrono::milliseconds IntervalOf(const v1::Probe& probe) {
  return probe.interval_ms() == 0 ? kDefaultInterval : std::chrono::milliseconds(probe.interval_ms());
}

bool SameProbe(const v1::Probe& a, const v1::Probe& b) {
  return a.term() == b.term() && a.queue().SerializeAsString() == b.queue().SerializeAsString();
}

// What must not wait for the next report (R4.4).
bool IsNews(const v1::Probe& probe, bool had, const QueueReading& before, const QueueReading& after) {
  if (!had || before.known() != after.known()) {
    return true;
  }
  if (!after.known()) {
    return false;
  }
  const double was = *before.ready + before.held.value_or(0);
  const double is = *after.ready + after.held.value_or(0);
  const double limit = probe.notify_above();
  return (was <= 0 && is > 0) || (limit > 0 && was <= limit && is > limit) || before.active != after.active;
}

}  // namespace

// Shared with the threads, so that one which hangs in a broker can outlive a change of probes.
class Prober::Impl : public std::enable_shared_from_this<Prober::Impl> {
 public:
  explicit Impl(ProberOptions options) : options_(std::move(options)) {}

  void SetProbes(const std::vector<v1::Probe>& probes) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::map<uint32_t, Entry>> servers;
    for (const v1::Probe& probe : probes) {
      Entry entry;
      entry.probe = probe;
      entry.due = Clock::now();
      if (const Entry* old = Find(probe.handle()); old != nullptr && SameProbe(old->probe, probe)) {
        entry.read = old->read;
        entry.last = old->last;
        entry.read_at = old->read_at;
        entry.pause = old->pause;
        entry.due = std::min(old->due, entry.due + std::max(IntervalOf(probe), old->pause));
      }
      servers[SourceKey(probe)].insert_or_assign(probe.handle(), std::move(entry));
    }
    servers_ = std::move(servers);
    for (const std::string& key : finished_) {
      threads_[key].join();  // it has left its last locked part
      threads_.erase(key);
    }
    finished_.clear();
    for (const auto& [key, entries] : servers_) {
      std::thread& thread = threads_[key];
      if (!thread.joinable()) {
        thread = std::thread([self = shared_from_this(), server = key] { self->Run(server); });
      }
    }
    changed_.notify_all();
  }

  std::vector<v1::QueueSample> Samples() const {
    std::map<uint32_t, v1::QueueSample> samples;
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entries] : servers_) {
      for (const auto& [handle, entry] : entries) {
        if (!entry.read || entry.probe.standby()) {
          continue;
        }
        v1::QueueSample& sample = samples[handle];
        sample.set_probe(handle);
        sample.set_term(entry.probe.term());
        sample.set_known(entry.last.known());
        sample.set_ready(entry.last.ready.value_or(0));
        if (entry.last.held) {
          sample.set_held(*entry.last.held);
        }
        if (entry.last.active) {
          sample.set_active(*entry.last.active);
        }
        sample.set_error(entry.last.error);
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - entry.read_at).count();
        sample.set_age_ms(static_cast<uint32_t>(age));
      }
    }
    std::vector<v1::QueueSample> out;
    for (auto& [handle, sample] : samples) {
      out.push_back(std::move(sample));
    }
    return out;
  }

  void Stop() {
    std::map<std::string, std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      threads.swap(threads_);
      for (auto& [key, source] : sources_) {
        source->Abort();
      }
      changed_.notify_all();
    }
    for (auto& [key, thread] : threads) {
      thread.join();
    }
  }

 private:
  const Entry* Find(uint32_t handle) const {
    for (const auto& [key, entries] : servers_) {
      if (const auto it = entries.find(handle); it != entries.end()) {
        return &it->second;
      }
    }
    return nullptr;
  }

  // Waits until a probe of `server` is due, and returns all that are. Empty: nothing more to do.
  std::vector<v1::Probe> WaitForDue(const std::string& server) {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      const auto entries = servers_.find(server);
      if (entries == servers_.end()) {
        finished_.push_back(server);
        sources_.erase(server);
        return {};
      }
      const Clock::time_point now = Clock::now();
      Clock::time_point next = Clock::time_point::max();
      std::vector<v1::Probe> due;
      for (auto& [handle, entry] : entries->second) {
        if (entry.due <= now) {
          entry.due = now + IntervalOf(entry.probe);
          due.push_back(entry.probe);
        }
        next = std::min(next, entry.due);
      }
      if (!due.empty()) {
        return due;
      }
      changed_.wait_until(lock, next);
    }
    return {};
  }

  // Keeps the readings; true when there is news.
  bool Keep(const std::string& server, const std::vector<v1::Probe>& probes,
            const std::vector<QueueReading>& readings) {
    bool news = false;
    const std::lock_guard lock(mutex_);
    const auto entries = servers_.find(server);
    for (size_t i = 0; entries != servers_.end() && i < probes.size(); ++i) {
      const auto it = entries->second.find(probes[i].handle());
      if (it == entries->second.end() || !SameProbe(it->second.probe, probes[i])) {
        continue;  // reassigned while it was read
      }
      Entry& entry = it->second;
      news = news || (!entry.probe.standby() && IsNews(entry.probe, entry.read, entry.last, readings[i]));
      entry.read = true;
      entry.last = readings[i];
      entry.read_at = Clock::now();
      if (entry.last.known()) {
        entry.pause = {};
      } else {
        const auto longest = std::max(kLongestPause, 2 * IntervalOf(entry.probe));
        entry.pause = std::clamp(2 * entry.pause, kFirstPause, longest);
        entry.due = std::max(entry.due, entry.read_at + entry.pause);
      }
    }
    return news;
  }

  void Run(const std::string& server) {
    std::shared_ptr<QueueSource> source;
    for (;;) {
      const std::vector<v1::Probe> due = WaitForDue(server);
      if (due.empty()) {
        break;
      }
      if (Keep(server, due, ReadAllowed(server, due, source)) && options_.notify) {
        options_.notify();
      }
    }
  }

  // Readings in the order of `due`; what the host forbids is not asked for.
  std::vector<QueueReading> ReadAllowed(const std::string& server, const std::vector<v1::Probe>& due,
                                        std::shared_ptr<QueueSource>& source) {
    std::vector<QueueReading> readings(due.size());
    std::vector<const v1::Probe*> asked;
    std::vector<size_t> places;
    for (size_t i = 0; i < due.size(); ++i) {
      const absl::Status allowed = options_.allowed ? options_.allowed(due[i].queue()) : absl::OkStatus();
      if (allowed.ok()) {
        asked.push_back(&due[i]);
        places.push_back(i);
      } else {
        readings[i] = UnknownReading(absl::StrCat("PolicyRefused: ", std::string(allowed.message())));
      }
    }
    if (!asked.empty()) {
      if (source == nullptr) {
        source = Open(server, *asked.front());
      }
      std::vector<QueueReading> read = source->Read(asked);
      for (size_t i = 0; i < places.size(); ++i) {
        readings[places[i]] = std::move(read[i]);
      }
    }
    return readings;
  }

  // A source that Stop can interrupt.
  std::shared_ptr<QueueSource> Open(const std::string& server, const v1::Probe& like) {
    std::shared_ptr<QueueSource> source = MakeSource(like, options_.timeout);
    const std::lock_guard lock(mutex_);
    sources_[server] = source;
    if (stop_) {
      source->Abort();
    }
    return source;
  }

  ProberOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::map<std::string, std::map<uint32_t, Entry>> servers_;  // by server key, then probe handle
  std::map<std::string, std::thread> threads_;
  std::map<std::string, std::shared_ptr<QueueSource>> sources_;  // of the threads
  std::vector<std::string> finished_;  // threads that end because nobody asks their server any more
};

Prober::Prober(ProberOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {}

Prober::~Prober() { impl_->Stop(); }

void Prober::SetProbes(const std::vector<v1::Probe>& probes) { impl_->SetProbes(probes); }

std::vector<v1::QueueSample> Prober::Samples() const { return impl_->Samples(); }

}  // namespace drover::agent
