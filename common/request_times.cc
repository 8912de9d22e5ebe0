#include "common/request_times.h"

#include <algorithm>
#include <cmath>

namespace drover {
namespace {

constexpr size_t kLast = DurationHistogram::kBuckets - 1;
constexpr double kBeyond = 5;  // samples expected beyond a quantile that is told

// Microseconds; by integers, so that they are the same on every machine.
constexpr std::array<int64_t, DurationHistogram::kBuckets> MakeBounds() {
  std::array<int64_t, DurationHistogram::kBuckets> bounds = {};
  bounds[1] = 1000;
  for (size_t i = 2; i < bounds.size(); ++i) {
    bounds[i] = bounds[i - 1] * 115 / 100;
  }
  return bounds;
}

constexpr std::array<int64_t, DurationHistogram::kBuckets> kBounds = MakeBounds();
static_assert(kBounds[kLast] >= 300'000'000 && kBounds[kLast - 1] < 300'000'000);

}  // namespace

Duration DurationHistogram::Lower(size_t bucket) {
  return absl::Microseconds(kBounds[std::min(bucket, kLast)]);
}

size_t DurationHistogram::BucketOf(Duration duration) {
  const int64_t micros = std::max<int64_t>(0, absl::ToInt64Microseconds(duration));
  return static_cast<size_t>(std::upper_bound(kBounds.begin(), kBounds.end(), micros) - kBounds.begin()) - 1;
}

int64_t DurationHistogram::SamplesFor(double quantile) {
  // Less the error of the subtraction: p95 needs 100, not 101.
  return static_cast<int64_t>(std::ceil(kBeyond / (1 - quantile) - 1e-6));
}

void DurationHistogram::AddCount(size_t bucket, int64_t count) {
  const double weight = static_cast<double>(count);
  weights_[std::min(bucket, kLast)] += weight;
  weight_ += weight;
  squares_ += weight;
  samples_ += count;
}

void DurationHistogram::Merge(const DurationHistogram& other, double weight) {
  for (size_t i = 0; i < kBuckets; ++i) {
    weights_[i] += other.weights_[i] * weight;
  }
  weight_ += other.weight_ * weight;
  squares_ += other.squares_ * weight * weight;
  samples_ += other.samples_;
}

std::optional<Duration> DurationHistogram::Quantile(double quantile) const {
  // Kish's effective number of samples; of equal weights it is their number.
  const double effective = squares_ > 0 ? weight_ * weight_ / squares_ : 0;
  if (effective + 1e-6 < static_cast<double>(SamplesFor(quantile))) {
    return std::nullopt;
  }
  double rest = quantile * weight_;
  for (size_t i = 0; i < kLast; ++i) {
    if (rest < weights_[i]) {
      return Lower(i) + (Lower(i + 1) - Lower(i)) * (rest / weights_[i]);
    }
    rest -= weights_[i];
  }
  return Lower(kLast);
}

std::vector<uint32_t> DurationHistogram::Counts() const {
  std::vector<uint32_t> counts;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (weights_[i] > 0) {
      counts.resize(i + 1);
      counts[i] = static_cast<uint32_t>(std::llround(weights_[i]));
    }
  }
  return counts;
}

DurationHistogram DurationHistogram::FromCounts(const std::vector<uint32_t>& counts) {
  DurationHistogram out;
  for (size_t i = 0; i < counts.size(); ++i) {
    out.AddCount(i, counts[i]);
  }
  return out;
}

}  // namespace drover
