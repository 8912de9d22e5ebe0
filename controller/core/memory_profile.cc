#include "controller/core/memory_profile.h"

#include <algorithm>
#include <cmath>

namespace drover::controller {
namespace {

// Bucket i ends at kFirst × kGrowth^i; the last one takes all that is above (1 TiB).
constexpr double kFirst = 1 << 20;
constexpr double kGrowth = 1.09;
constexpr size_t kBuckets = 162;
constexpr float kEnough = 60;
constexpr float kDay = 86400;

size_t BucketOf(int64_t bytes) {
  if (static_cast<double>(bytes) <= kFirst) {
    return 0;
  }
  const double bucket = std::ceil(std::log(static_cast<double>(bytes) / kFirst) / std::log(kGrowth));
  return std::min(static_cast<size_t>(bucket), kBuckets - 1);
}

}  // namespace

void MemoryProfile::Add(int64_t bytes) {
  if (counts_.empty()) {
    counts_.resize(kBuckets);
  }
  counts_[BucketOf(bytes)] += 1;
  total_ += 1;
  if (total_ >= 2 * kDay) {
    for (float& count : counts_) {
      count /= 2;
    }
    total_ /= 2;
  }
}

void MemoryProfile::Fade() {
  if (total_ <= kEnough) {
    return;
  }
  for (float& count : counts_) {
    count *= kEnough / total_;
  }
  total_ = kEnough;
}

std::optional<Bytes> MemoryProfile::P95() const {
  if (total_ < kEnough) {
    return std::nullopt;
  }
  float below = 0;
  size_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    below += counts_[bucket];
    if (below >= 0.95F * total_) {
      break;
    }
  }
  return Bytes(static_cast<int64_t>(kFirst * std::pow(kGrowth, static_cast<double>(bucket))));
}

}  // namespace drover::controller
