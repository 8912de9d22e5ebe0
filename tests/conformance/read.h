// Objects of the case files (README.md) as the engine's own types. "Now" is one fixed instant.
#pragma once

#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/hpa.h"
#include "controller/core/autoscale/replica_group.h"
#include "controller/core/autoscale/totals.h"
#include "controller/core/autoscale/two_pass.h"
#include "tests/conformance/value.h"

namespace drover::conformance {

inline Instant Now() { return Instant::FromNanoseconds(int64_t{1} << 60); }

controller::ReplicaStatus ReadReplica(const Value& replica);
controller::RequestSpec ReadRequests(const Value& replica);
controller::Tolerance ReadTolerance(const Value& input);
controller::GroupRule ReadGroupRule(const Value& input, const std::string& resource);
controller::ScalingRules ReadRules(const Value& rules, controller::ScalingRules defaults);
std::deque<controller::Recommendation> ReadRecommendations(const Value& list);
// Signed: `up` events positive, `down` events negative.
std::deque<controller::ScaleChange> ReadEvents(const Value& up, const Value& down);

// The result of one metric: a proposal, or the README's error code.
struct MetricResult {
  std::string error;
  int64_t replicas = 0;
  std::optional<int64_t> utilization;
  std::optional<int64_t> usage;  // average, or total
};

// A resource metric; `metric` has resource, container, target and samples, `input` the replicas and periods.
MetricResult ResourceMetric(const Value& metric, const Value& input, int64_t current);

// Any other; `metric` has source_kind, target_milli and values_milli.
MetricResult SourceMetric(const Value& metric, const Value& input, int64_t current);

}  // namespace drover::conformance
