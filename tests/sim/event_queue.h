// Virtual time: events ordered by (time, sequence number), so that the same seed gives the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "common/time.h"

namespace drover::sim {

class EventQueue {
 public:
  // The simulator's own time, the one that no process of the world can read.
  Instant now() const { return now_; }

  // Runs `run` at `at`, or at once when that has passed.
  void At(Instant at, std::function<void()> run) {
    items_.push(Item{std::max(at, now_), sequence_++, std::move(run)});
  }

  void After(Duration delay, std::function<void()> run) { At(now_ + delay, std::move(run)); }

  // Runs the next event that is due by `end`; false: there is none, and now() is `end`.
  bool RunNext(Instant end) {
    if (items_.empty() || items_.top().at > end) {
      now_ = std::max(now_, end);
      return false;
    }
    // The queue only gives const access to its top; the item is popped right after.
    Item item = std::move(const_cast<Item&>(items_.top()));
    items_.pop();
    now_ = item.at;
    item.run();
    return true;
  }

 private:
  struct Item {
    Instant at;
    uint64_t sequence = 0;
    std::function<void()> run;

    friend bool operator<(const Item& a, const Item& b) {  // the earliest on top
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };

  Instant now_ = Instant::FromNanoseconds(0);
  uint64_t sequence_ = 0;
  std::priority_queue<Item> items_;
};

}  // namespace drover::sim
