// Policies that run in the shipped decision engine (controller/core/autoscale), with the declarations that
// a service's `x-autoscale` would give.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "controller/core/spec.h"
#include "simulate/policy.h"

namespace drover::simulate {

// What a run has to know to feed a declaration's signals.
struct ServiceNature {
  double busy_usage = 1;  // CPU of a replica that is never idle, as a share of its reservation
  std::map<std::string, double> queue_shares = {};  // of the jobs, by queue; one that is not named: all
  absl::Time begin = absl::UnixEpoch();             // for schedules
};

struct EngineOptions {
  controller::AutoscaleSpec spec;
  int64_t period_s = 1;  // between evaluations
  int64_t initial = 1;   // count in force at the start
  // The initial count is a recommendation of second 0, as after a controller's start (R2.1); else the
  // windows begin empty.
  bool seeded = true;
  ServiceNature nature = {};
  QueueTells tells = QueueTells::kCounters;
};

// Asks the engine every `period_s`; between, the count stays. The signals of `spec` are fed with: cpu,
// memory: the late mean utilization; rate: arrivals of the last 5 s; backlog: each replica's share of the
// jobs that wait; all others: their share of what the queue
// `tells`.
std::unique_ptr<Policy> MakeEnginePolicy(EngineOptions options);

// Our own policy, with a promised wait in seconds: evaluated every second.
EngineOptions DroverOptions(double max_wait_s);
// The foreign families as `policy: hpa`, `keda` and `kpa` select them, with their defaults and without
// memory of the initial count. The HPA on utilization, `target` in percent:
EngineOptions HpaOptions(double target);
// KEDA on the length of the queue, `target` jobs a replica.
EngineOptions KedaOptions(double target);
// The KPA on concurrency, `target` jobs waiting and running a replica.
EngineOptions KpaOptions(double target);

}  // namespace drover::simulate
