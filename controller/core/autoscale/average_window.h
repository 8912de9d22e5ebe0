// Averages of a value over the last seconds, in buckets of one second. A second in which nothing was
// measured does not count: unknown is never zero. (Knative counts gaps as zero.)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/time.h"

namespace drover::controller {

class AverageWindow {
 public:
  // Several values of one second count as their mean. Forgets what is older than `keep`. Times come in
  // ascending order.
  void Record(Instant at, double value, Duration keep);

  // Mean of the seconds of the last `window` that have a value; absent: none has.
  std::optional<double> Average(Instant now, Duration window) const;

 private:
  struct Bucket {
    int64_t second = 0;
    double sum = 0;
    int64_t count = 0;
  };

  std::deque<Bucket> buckets_;
};

}  // namespace drover::controller
