// What KEDA answers for a source that keeps failing: after more than `failure_threshold` failures in
// a row, a value that makes the average rule ask for a set number of replicas. Until then the failure
// is passed on.
//
// Source: KEDA's fallback.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "controller/core/spec.h"

namespace drover::controller {

struct FallbackRead {
  std::optional<double> value;  // measured; absent: the read failed
  int64_t failures_before = 0;
  std::vector<int64_t> other_failures;  // of the service's other failing sources
  double target = 0;
  bool total_target = false;  // target of the whole, not per replica
  std::optional<int64_t> current;
  std::optional<int64_t> ready;  // needed for a total target only
};

struct FallbackResult {
  std::optional<double> value;  // absent: the failure is passed on
  bool synthetic = false;       // `value` is the fallback's
  int64_t failures = 0;         // in a row, this read included
  bool failing = false;
  bool in_fallback = false;  // this or another source has failed too often
};

// Absent `spec`: no fallback. Negative settings switch it off.
FallbackResult ReadWithFallback(const std::optional<FallbackSpec>& spec, const FallbackRead& read);

}  // namespace drover::controller
