#include "controller/core/autoscale/max_window.h"

#include <algorithm>
#include <utility>

namespace drover::controller {
namespace {

// Rounded down, also before the clock's zero.
int64_t BucketOf(Instant at, Duration granularity) {
  absl::Duration rest;
  const absl::Duration since = at - Instant::FromNanoseconds(0);
  const int64_t bucket = absl::IDivDuration(since, granularity, &rest);
  return rest < absl::ZeroDuration() ? bucket - 1 : bucket;
}

}  // namespace

MaxWindow::MaxWindow(Duration window, Duration granularity, std::deque<Entry> entries)
    : window_(window), granularity_(granularity), falling_(std::move(entries)) {
  absl::Duration rest;
  buckets_ = absl::IDivDuration(window, granularity, &rest);
  buckets_ = std::max<int64_t>(1, buckets_ + (rest > absl::ZeroDuration() ? 1 : 0));
}

void MaxWindow::Record(Instant at, int64_t value) {
  const int64_t bucket = BucketOf(at, granularity_);
  while (!falling_.empty() && bucket - falling_.front().bucket >= buckets_) {
    falling_.pop_front();
  }
  while (!falling_.empty() && falling_.back().value <= value) {
    falling_.pop_back();
  }
  if (falling_.empty() || falling_.back().bucket != bucket) {
    falling_.push_back({.bucket = bucket, .value = value});
  }
}

int64_t MaxWindow::Current() const { return falling_.empty() ? 0 : falling_.front().value; }

}  // namespace drover::controller
