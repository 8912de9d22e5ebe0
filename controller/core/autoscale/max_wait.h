// Drover's own scaling rule: keep a promised wait at the least cost, with nothing to tune. Estimates the
// load and the service time, looks ahead by the measured start-up time, learns its margin from its own
// errors, and prices a late job by how far the promise is behind. docs/internals/max-wait.md explains.
//
//   sample ─► load ─► forecast a start-up ahead ─► spare for the promise ─► held as long as returns are
//   likely ─► more before what comes every hour ─► more while a backlog is late ─► batched
//
// Bounded memory, pure; times may be irregular and have gaps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "controller/core/autoscale/hour_season.h"
#include "controller/core/autoscale/load_estimate.h"
#include "controller/core/autoscale/return_gaps.h"
#include "controller/core/autoscale/throughput_watch.h"
#include "controller/core/autoscale/trail.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

constexpr double kLateShare = 0.01;  // `max_wait` is kept when no more of the jobs are late

// What the source of a signal with `max_wait` knows. Waiting jobs are the least; the rest helps.
struct WaitingLoad {
  double waiting = 0;
  std::optional<double> running = {};   // in hand
  std::optional<double> arrivals = {};  // totals since any start
  std::optional<double> completions = {};
  std::optional<Duration> oldest = {};  // age of the oldest waiting job
  double slots = 1;                     // jobs that one replica does at a time

  friend bool operator==(const WaitingLoad&, const WaitingLoad&) = default;
};

// How the past kept the promise.
struct PromiseAccount {
  Trail arrived;       // over the promised wait
  double overdue = 0;  // jobs that wait longer than promised
  double debt = 0;     // late jobs beyond the allowed share, in start-ups' worth of arrivals
  double price = 0;    // of a late job, in mean job lengths of replica time
};

// How far forecasts were off, one start-up later.
struct ForecastError {
  Trail forecasts;
  double bias = 0;
  double spread = -1;  // mean square of what was missing, doubled: as if errors were symmetric; < 0: none yet
};

// What requests took without waiting at a promised quantile, smoothed.
struct KeptQuantile {
  double quantile = 0;
  double replica_s = 0;
  Instant at;  // measured last

  friend bool operator==(const KeptQuantile&, const KeptQuantile&) = default;
};

struct MaxWaitState {
  std::optional<Instant> begin;
  double last_s = 0;
  LoadEstimate load;
  double startup_s = 0;  // mean of the measured ones; 0: not begun
  double startups = 0;   // how many were measured
  PromiseAccount account;
  ForecastError error;
  ReturnGaps gaps;
  HourSeason season;
  ThroughputWatch throughput;
  double surge = 0;                           // jobs at a time wanted to work off a backlog; 0: none
  double added_s = 0;                         // when the answer last rose
  double removed_s = 0;                       // and fell
  std::optional<KeptQuantile> quantile = {};  // of a promised latency; absent: none was measured
};

struct MaxWaitInput {
  Instant now;
  Duration max_wait;
  double late_share = kLateShare;  // of the jobs that may wait longer
  int64_t current = 0;             // count in force, starting ones included
  int64_t ready = 0;
  std::vector<Duration> startups;  // measured since the last call
  WaitingLoad load;
};

// The count that keeps the promise, and why. `state` is what earlier calls left.
Wish MaxWaitWish(const MaxWaitInput& input, MaxWaitState& state);

// When the same input would give another answer by time alone.
Duration MaxWaitPeriod(const MaxWaitState& state);

}  // namespace drover::controller
