#include "controller/core/autoscale/average_window.h"

namespace drover::controller {
namespace {

int64_t SecondOf(Instant at) { return at.nanoseconds() / 1'000'000'000; }

}  // namespace

void AverageWindow::Record(Instant at, double value, Duration keep) {
  const int64_t second = SecondOf(at);
  if (buckets_.empty() || buckets_.back().second < second) {
    buckets_.push_back({.second = second});
  }
  buckets_.back().sum += value;
  ++buckets_.back().count;
  while (second - buckets_.front().second >= absl::ToInt64Seconds(keep) && buckets_.size() > 1) {
    buckets_.pop_front();
  }
}

std::optional<double> AverageWindow::Average(Instant now, Duration window) const {
  double sum = 0;
  int64_t count = 0;
  for (const Bucket& bucket : buckets_) {
    if (SecondOf(now) - bucket.second < absl::ToInt64Seconds(window)) {
      sum += bucket.sum / static_cast<double>(bucket.count);
      ++count;
    }
  }
  return count > 0 ? std::optional(sum / static_cast<double>(count)) : std::nullopt;
}

}  // namespace drover::controller
