// One pass of the HPA v2 controller, from the proposals of single metrics to a count and its
// conditions. What a metric proposes is two_pass.h and totals.h.
//
//   bounds ─► largest proposal ─► stabilization ─► rate, min, max ─► (the caller writes) ─► history
//
// Source: Kubernetes' HorizontalPodAutoscaler, v2. Ours alone: history is kept free of dead entries,
// which gives the same answers.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/limits.h"
#include "controller/core/spec.h"

namespace drover::controller {

// What one metric asks for.
struct MetricProposal {
  std::optional<int64_t> replicas;  // absent: the metric failed
  std::string reason;               // when failed: FailedGetResourceMetric, …
};

struct HpaBehavior {
  ScalingRules up;
  ScalingRules down;
};

// The rules that hold where a direction has none: up at once, by the larger of 4 replicas and 100 % in 15 s;
// down after `window`, 100 % in 15 s.
ScalingRules HpaDefaultUp();
ScalingRules HpaDefaultDown(Duration window = absl::Seconds(300));

struct HpaInput {
  Instant now;
  std::optional<int64_t> current;  // requested count; absent: could not be read
  int64_t min = 1;
  int64_t max = 1;
  std::vector<MetricProposal> metrics;
  std::optional<HpaBehavior> behavior;                    // absent: the older rules
  Duration downscale_stabilization = absl::Seconds(300);  // without behaviour
  LegacyLimit legacy_limit;                               // without behaviour
};

struct HpaHistory {
  bool seeded = false;                         // the first pass adds the count that it finds
  std::deque<Recommendation> recommendations;  // raw
  std::deque<ScaleChange> changes;             // written
};

struct HpaCondition {
  bool status = false;
  std::string reason;

  friend bool operator==(const HpaCondition&, const HpaCondition&) = default;
};

struct HpaResult {
  int64_t replicas = 0;  // to be written; the current count: nothing to do
  std::optional<HpaCondition> able_to_scale;
  std::optional<HpaCondition> scaling_active;  // absent: not looked at in this pass
  std::optional<HpaCondition> scaling_limited;
  bool error = false;               // also where it scaled, on partial knowledge
  std::optional<int64_t> proposed;  // largest proposal; absent: none was used
  std::optional<int64_t> stabilized;
  std::string limit_detail;
  std::optional<Instant> until;  // when time alone may change the answer
};

HpaResult HpaPass(const HpaInput& input, HpaHistory& history);

// After `result.replicas` was written, or could not be: conditions and history.
void HpaWritten(const HpaInput& input, bool written, HpaResult& result, HpaHistory& history);

}  // namespace drover::controller
