// Averages of a value over the last seconds, in buckets of one second. A second in which nothing was
// measured does not count: unknown is never zero. (Knative counts gaps as zero.)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "common/time.h"

namespace drover::controller {

class AverageWindow {
 public:
  struct Bucket {
    int64_t second = 0;
    double sum = 0;
    int64_t count = 0;
  };

  AverageWindow() = default;

  // With what another remembered.
  explicit AverageWindow(std::deque<Bucket> buckets) : buckets_(std::move(buckets)) {}

  // Several values of one second count as their mean. Forgets what is older than `keep`. Times come in
  // ascending order.
  void Record(Instant at, double value, Duration keep);

  // Mean of the seconds of the last `window` that have a value; absent: none has.
  std::optional<double> Average(Instant now, Duration window) const;

  // All that it remembers, for the history.
  const std::deque<Bucket>& buckets() const { return buckets_; }

 private:
  std::deque<Bucket> buckets_;
};

}  // namespace drover::controller
