// The largest value of a sliding window that is cut into buckets, as Knative's scale-down delay has it.
// A value counts until its bucket is as many buckets old as the window holds.
#pragma once

#include <cstdint>
#include <deque>

#include "common/time.h"

namespace drover::controller {

class MaxWindow {
 public:
  struct Entry {
    int64_t bucket = 0;
    int64_t value = 0;
  };

  // `granularity` is above 0; a window shorter than that holds one bucket. `entries`: of another's.
  MaxWindow(Duration window, Duration granularity, std::deque<Entry> entries = {});

  // Times come in ascending order.
  void Record(Instant at, int64_t value);

  // 0 before the first record.
  int64_t Current() const;

  Duration window() const { return window_; }

  Duration granularity() const { return granularity_; }

  // All that it remembers, for the history.
  const std::deque<Entry>& entries() const { return falling_; }

 private:
  Duration window_;
  Duration granularity_;
  int64_t buckets_;
  std::deque<Entry> falling_;  // oldest first, values strictly falling
};

}  // namespace drover::controller
