#include "controller/core/autoscale/sources.h"

#include "absl/strings/str_cat.h"
#include "controller/core/autoscale/fallback.h"
#include "controller/core/autoscale/steps.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {
namespace {

bool IsShared(SignalSpec::Kind kind) { return !IsOfReplicas(kind) && kind != SignalSpec::Kind::kSchedule; }

// Counts this evaluation as a read when an interval has passed since the last that counted.
void CountRead(const SignalInput& signal, Instant now, Duration interval, FailedReads& reads) {
  if (signal.total) {
    reads = FailedReads();
  } else if (reads.count == 0 || now - reads.last >= interval) {
    ++reads.count;
    reads.last = now;
  }
}

void StandIn(const DecideInput& input, const SignalSpec& spec, int64_t failures, SignalInput& signal) {
  // A rule without a target per replica still gets the fallback's count.
  const double target = spec.target > 0 ? spec.target : 1;
  // KEDA's goes by the ready replicas; ours gives the count itself, also when none is ready.
  const bool of_total = spec.of_total && input.spec->policy == AutoscaleSpec::Policy::kKeda;
  const FallbackResult read = ReadWithFallback(input.spec->fallback, {.value = std::nullopt,
                                                                      .failures_before = failures - 1,
                                                                      .other_failures = {},
                                                                      .target = target,
                                                                      .total_target = of_total,
                                                                      .current = input.current,
                                                                      .ready = input.ready});
  if (read.value) {
    signal.total = read.value;
    const double share = of_total ? target / static_cast<double>(input.ready) : target;
    signal.fallback_replicas = CeilToCount(*read.value / share);
  }
}

}  // namespace

std::vector<SignalInput> WithFallback(const DecideInput& input, ScalingHistory& history,
                                      std::optional<Instant>& due) {
  std::vector<SignalInput> signals = input.signals;
  if (!input.spec->fallback) {
    history.failed_reads.clear();
    return signals;
  }
  const Duration interval =
      input.spec->policy == AutoscaleSpec::Policy::kKeda ? kKedaPoll : input.spec->interval;
  history.failed_reads.resize(signals.size());
  for (size_t i = 0; i < signals.size(); ++i) {
    const SignalSpec& spec = input.spec->signals[i];
    if (!IsShared(spec.kind)) {
      continue;
    }
    FailedReads& reads = history.failed_reads[i];
    CountRead(signals[i], input.now, interval, reads);
    if (reads.count > 0) {
      StandIn(input, spec, reads.count, signals[i]);
      if (!signals[i].total) {
        NoteDue(due, reads.last + interval);
      }
    }
  }
  return signals;
}

Wish FallbackWish(int64_t replicas, double total, const std::string& reason) {
  Wish wish;
  wish.value = total;
  wish.raw = replicas;
  wish.wish = replicas;
  wish.formula =
      absl::StrCat("fallback: ", replicas, ", because ", reason.empty() ? "there is no sample" : reason);
  return wish;
}

}  // namespace drover::controller
