// Which calls to the outside are under way, by name and since when, so that `why` can say what is stuck
// (R3.8). Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/clock.h"
#include "common/time.h"

namespace drover::agent {

class Calls {
 public:
  // Under way until it is destroyed.
  class Guard {
   public:
    Guard(Calls* calls, std::string name) : calls_(calls) {
      std::lock_guard lock(calls_->mutex_);
      id_ = calls_->next_++;
      calls_->running_[id_] = {std::move(name), Now()};
    }

    ~Guard() {
      std::lock_guard lock(calls_->mutex_);
      calls_->running_.erase(id_);
    }

    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Calls* calls_;
    uint64_t id_ = 0;
  };

  struct Stuck {
    std::string name;
    Duration since;
  };

  // Those that run for longer than `limit`, oldest first.
  std::vector<Stuck> LongerThan(Duration limit) const {
    std::lock_guard lock(mutex_);
    std::vector<Stuck> result;
    for (const auto& [id, call] : running_) {
      if (Duration since = Now() - call.second; since > limit) {
        result.push_back({call.first, since});
      }
    }
    return result;
  }

 private:
  mutable std::mutex mutex_;
  uint64_t next_ = 1;
  std::map<uint64_t, std::pair<std::string, Instant>> running_;
};

}  // namespace drover::agent
