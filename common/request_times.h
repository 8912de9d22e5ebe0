// How long requests took: counts in fixed buckets, small enough to be sent every second and added up over
// edges, of which quantiles can be had (means can't give any). Pure.
//
// Bucket i holds what took at least Lower(i) and less than Lower(i + 1). The first begins at zero and ends
// at 1 ms, each bound after it is 15 % above the one before, the last bucket begins at 5 min or a little
// above and has no end. The bounds are part of the wire (RequestTimes in agent.proto): they never change.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.h"

namespace drover {

class DurationHistogram {
 public:
  static constexpr size_t kBuckets = 93;

  // The least duration of a bucket, rounded down to microseconds.
  static Duration Lower(size_t bucket);
  static size_t BucketOf(Duration duration);  // what is negative counts as zero

  // How many samples a quantile needs: so many that five are expected beyond it. 10 for p50, 100 for p95,
  // 500 for p99, 5000 for p99.9.
  static int64_t SamplesFor(double quantile);

  void Add(Duration duration) { AddCount(BucketOf(duration), 1); }

  // `count` samples in a bucket; buckets beyond the last count as the last.
  void AddCount(size_t bucket, int64_t count);

  // The samples of `other` too, each of which stands for `weight` requests: an edge that logs one request in
  // ten has a weight of ten beside one that logs all.
  void Merge(const DurationHistogram& other, double weight = 1);

  int64_t samples() const { return samples_; }

  // Where the share `quantile` (0 to below 1) of the requests is done, as far as samples tell: the true
  // quantile of the samples is in the same bucket, so this is off by less than 15 % and 1 ms. Absent: fewer
  // than SamplesFor(quantile); of merged ones as many as would tell as much with equal weights.
  std::optional<Duration> Quantile(double quantile) const;

  // Per bucket, trailing zeros left out; whole numbers as long as nothing was merged with a weight.
  std::vector<uint32_t> Counts() const;
  static DurationHistogram FromCounts(const std::vector<uint32_t>& counts);

  friend bool operator==(const DurationHistogram&, const DurationHistogram&) = default;

 private:
  std::array<double, kBuckets> weights_ = {};
  double weight_ = 0;   // of all
  double squares_ = 0;  // of the samples' weights
  int64_t samples_ = 0;
};

// What single requests of one service took: a sample of those that ended in the last 10 s.
struct RequestTimes {
  DurationHistogram answered;  // from when the balancer had the request to the end of the answer
  DurationHistogram replica;   // of that, without the wait in the balancer for a replica
  uint32_t dropped = 0;        // log lines beyond those that are read, in the same time

  friend bool operator==(const RequestTimes&, const RequestTimes&) = default;
};

}  // namespace drover
