#include "controller/core/autoscale/return_gaps.h"

#include <algorithm>
#include <cmath>

namespace drover::controller {
namespace {

constexpr double kFirst = 0.25;  // units, end of the first bucket
constexpr double kRatio = 1.45;
// Made-up gaps, spread evenly over the buckets: what is believed before anything is known.
constexpr double kPriorGaps = 4;

}  // namespace

size_t ReturnGaps::BucketOf(double gap_s, double unit_s) {
  const double units = gap_s / unit_s;
  if (units < kFirst) {
    return 0;
  }
  const double bucket = 1 + std::floor(std::log(units / kFirst) / std::log(kRatio));
  return std::min(kBuckets - 1, static_cast<size_t>(bucket));
}

double ReturnGaps::Lower(size_t bucket, double unit_s) {
  return bucket == 0 ? 0 : unit_s * kFirst * std::pow(kRatio, static_cast<double>(bucket - 1));
}

void ReturnGaps::Begin(double at_s, int64_t level) {
  state_.begun = true;
  state_.level = 0;
  state_.open = {{.top = level, .since_s = at_s}};
}

void ReturnGaps::Set(double at_s, int64_t level, double unit_s) {
  if (level < state_.level) {
    state_.open.push_back({.top = state_.level, .since_s = at_s});
    if (state_.open.size() > kMaxRuns) {
      state_.open.erase(state_.open.begin());
    }
  }
  int64_t low = state_.level;
  while (level > low && !state_.open.empty()) {
    const Run& run = state_.open.back();
    const int64_t high = std::min(run.top, level);
    state_.closed[BucketOf(at_s - run.since_s, unit_s)] += static_cast<double>(high - low);
    low = high;
    if (run.top > level) {
      break;
    }
    state_.open.pop_back();
  }
  state_.level = level;
}

double ReturnGaps::BestHold(double at_s, double miss_s, double unit_s) const {
  std::array<double, kBuckets> open = {};
  int64_t low = state_.level;
  for (auto run = state_.open.rbegin(); run != state_.open.rend(); ++run) {
    open[BucketOf(at_s - run->since_s, unit_s)] += static_cast<double>(run->top - low);
    low = run->top;
  }
  // survive[b]: share of the gaps that are longer than the buckets before b.
  std::array<double, kBuckets + 1> survive = {};
  survive.fill(1);
  double at_risk = kPriorGaps;
  for (size_t b = 0; b < kBuckets; ++b) {
    at_risk += state_.closed[b] + open[b];
  }
  for (size_t b = 0; b < kBuckets; ++b) {
    const double ended = state_.closed[b] + kPriorGaps / kBuckets;
    survive[b + 1] = survive[b] * std::max(0.0, 1 - ended / at_risk);
    at_risk = std::max(1e-9, at_risk - ended - open[b]);
  }
  const double never = survive[kBuckets];
  double best = 0;
  double least = miss_s * (1 - never);
  double idle_s = 0;  // expected idle time until the end of bucket b
  for (size_t b = 0; b + 1 < kBuckets; ++b) {
    const double end = Lower(b + 1, unit_s);
    idle_s += (end - Lower(b, unit_s)) * (survive[b] + survive[b + 1]) / 2;
    const double cost = idle_s + miss_s * (survive[b + 1] - never);
    if (cost < least) {
      least = cost;
      best = end;
    }
  }
  return best;
}

int64_t ReturnGaps::Held(double at_s, double hold_s) const {
  int64_t held = state_.level;
  for (auto run = state_.open.rbegin(); run != state_.open.rend() && at_s - run->since_s <= hold_s; ++run) {
    held = std::max(held, run->top);
  }
  return held;
}

}  // namespace drover::controller
