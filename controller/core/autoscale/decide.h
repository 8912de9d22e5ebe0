// From signals to a desired count: the one decision engine. Pure values in, a Decision out; the
// history that stabilization and rate limits need is an argument and is returned changed.
//
//   measured signals ─► wish per signal ─► largest wins ─► tolerance, stabilization, rate, min, max ─►
//   desired
//
// Called by the core when an input of a service changed or a timer of its own ran out, and by the
// simulator. Sources of the rules: Kubernetes HPA v2 for `cpu`, `memory` and behaviour; KEDA's
// average value for queues; our own for `max_wait` (max_wait.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "controller/core/autoscale/average_window.h"
#include "controller/core/autoscale/max_wait.h"
#include "controller/core/autoscale/panic_window.h"
#include "controller/core/autoscale/replica_group.h"
#include "controller/core/spec.h"
#include "controller/core/view.h"

namespace drover::controller {

// One replica as a utilization signal sees it.
struct ReplicaUsage {
  bool ready = false;
  bool warming_up = false;     // ready for less than the warm-up (R4.5): its CPU is not believed
  std::optional<double> used;  // milli-CPU or bytes; absent: unknown or stale (R4.1)
  double reserved = 0;         // same unit
  // For `policy: hpa`, which goes by times: see replica_group.h.
  ReplicaStatus status = {};
  SampleTime sample = {};  // of `used`
};

// What single requests took lately, where so many are known that the quantile can be told.
struct MeasuredQuantile {
  double quantile = 0;
  double answered_s = 0;  // so long the share `quantile` of them took at most, waiting included
  double replica_s = 0;   // without their wait in the balancer
  int64_t requests = 0;   // that are known

  friend bool operator==(const MeasuredQuantile&, const MeasuredQuantile&) = default;
};

// One configured signal as measured now, in the order of AutoscaleSpec::signals.
struct SignalInput {
  // kCpu, kMemory: one entry per active replica that should be counted.
  std::vector<ReplicaUsage> replicas;
  // kQueue and other shared sources: the total (ready + held); absent: unknown, with the reason.
  std::optional<double> total;
  std::string unknown_reason;
  Duration age;                          // of the oldest sample used
  std::optional<WaitingLoad> load = {};  // with `total`, for a signal with max_wait
  // Set by the engine: the total is the declared fallback's, for so many replicas.
  std::optional<int64_t> fallback_replicas = {};
  // Without `total`: the part of it that is known, for `unknown_reason` not the whole. It may raise the
  // count, never lower it.
  std::optional<double> at_least = {};
  // kLatency, with `load`; absent: too few requests are known, or none.
  std::optional<MeasuredQuantile> quantile = {};
};

struct Recommendation {
  Instant at;
  int64_t value = 0;
};

// Reads of one source that failed in a row.
struct FailedReads {
  int64_t count = 0;
  Instant last;
};

struct ScaleChange {
  Instant at;
  int64_t change = 0;  // positive: added, negative: removed
};

// What one service's engine remembers. After a controller start it is empty with `since` = start:
// within the first stabilization window the count at start is taken as a recommendation, so that
// lost history means hold, never down (R2.1).
struct ScalingHistory {
  Instant since;
  int64_t count_at_start = 0;
  std::deque<Recommendation> recommendations;  // raw, oldest first
  std::deque<ScaleChange> changes;             // oldest first
  std::optional<Instant> last_work;            // when a queue signal last had work (idle to zero)
  std::vector<FailedReads> failed_reads = {};  // by signal, while a fallback is declared
  // `policy: hpa`, `keda`, `kpa`: when the last pass or tick was; absent: none yet.
  std::optional<Instant> last_pass = {};
  // `policy: kpa`.
  std::optional<KpaState> kpa = {};
  AverageWindow kpa_values = {};
  std::optional<Instant> zero_since = {};        // since nothing is asked for
  std::map<size_t, MaxWaitState> promises = {};  // of signals with max_wait, by index
};

struct DecideInput {
  Instant now;
  absl::Time wall;
  ServiceKey service;
  const AutoscaleSpec* spec = nullptr;
  int64_t current = 0;  // desired count now in force
  int64_t ready = 0;
  std::optional<int64_t> observed =
      {};  // replicas that exist, for averages as the HPA forms them; absent: current
  std::vector<Duration> startups =
      {};  // from assigned to ready, of replicas that became ready since the last call
  std::vector<SignalInput> signals;
  bool paused = false;  // decide and explain, change nothing
  bool pause_down_only = false;
  std::optional<int64_t> held;      // count set by hand (R10.1)
  bool scale_down_blocked = false;  // mass hold, not settled, …: up only, with the reason
  std::string blocked_reason;
  std::optional<absl::Time> paused_until;  // absent: until resumed
  std::optional<absl::Time> held_until;    // absent: until resumed
};

struct DecideResult {
  Decision decision;       // id and choices are filled by the caller
  ScalingHistory history;  // to keep
  // When the same inputs would give another answer by time alone (a window or period ends);
  // absent: never.
  std::optional<Instant> due;
};

DecideResult Decide(const DecideInput& input, ScalingHistory history);

}  // namespace drover::controller
