// The decision of Knative's KPA: averages of a stable and a short (panic) window against a target per
// replica. When the short one asks for much more than is ready, nothing goes down until the surge has
// reached the stable window.
//
// Source: Knative Serving's autoscaler (decider).
#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"
#include "controller/core/autoscale/max_window.h"

namespace drover::controller {

struct KpaConfig {
  double target_value = 70;            // per replica: concurrency 100 × 70 %
  double total_value = 100;            // capacity of one replica
  double target_burst_capacity = 211;  // -1: unlimited, 0: off
  double panic_threshold = 2;          // ratio of the short window's count to the ready replicas
  double max_scale_up_rate = 1000;     // per decision, of the ready replicas
  double max_scale_down_rate = 2;
  Duration stable_window = absl::Seconds(60);
  Duration scale_down_delay;     // 0: none
  int64_t activation_scale = 0;  // least count when there is work; acts above 1
  bool reachable = true;         // may be asked: only then downwards is limited and delayed
};

// Averages over all replicas, as measured now.
struct KpaSample {
  int64_t ready = 0;
  double stable = 0;
  double panic = 0;
};

struct KpaState {
  std::optional<Instant> panic_since;  // absent: stable mode
  int64_t max_panic = 0;               // largest count since panic began
  std::optional<MaxWindow> delay;
};

struct KpaResult {
  bool valid = false;  // false: no sample, keep the count
  int64_t desired = 0;
  int64_t excess_burst_capacity = 0;  // negative: a buffer should stay in the path of requests
  int64_t stable_count = 0;           // what each window asks for, before panic
  int64_t panic_count = 0;
};

// A decider that finds more than one ready replica starts in panic and holds them: its history is lost.
// An absent count is one that could not be read.
KpaState KpaCreate(std::optional<int64_t> ready, Instant now);

// One tick (2 s upstream). An absent sample means no data, or no count of ready replicas.
KpaResult KpaScale(const KpaConfig& config, const std::optional<KpaSample>& sample, Instant now,
                   KpaState& state);

}  // namespace drover::controller
