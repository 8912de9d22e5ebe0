// Policies that run in the shipped decision engine (controller/core/autoscale), with the declarations that
// a service's `x-autoscale` would give.
#pragma once

#include <cstdint>
#include <memory>

#include "controller/core/spec.h"
#include "simulate/policy.h"

namespace drover::simulate {

struct EngineOptions {
  controller::AutoscaleSpec spec;
  int64_t period_s = 1;  // between evaluations
  int64_t initial = 1;   // count in force at the start
  // The initial count is a recommendation of second 0, as after a controller's start (R2.1); else the
  // windows begin empty.
  bool seeded = true;
  QueueTells tells = QueueTells::kCounters;
};

// Asks the engine every `period_s`; between, the count stays. The signals of `spec` are fed with: cpu,
// memory: the late mean utilization; all others: what the queue `tells`.
std::unique_ptr<Policy> MakeEnginePolicy(EngineOptions options);

// Our own policy, with a promised wait in seconds: evaluated every second.
EngineOptions DroverOptions(double max_wait_s);
// The HPA (autoscaling/v2) with its defaults on utilization, `target` in percent.
EngineOptions HpaOptions(double target);
// KEDA: queue length through the HPA, `target` jobs a replica.
EngineOptions KedaOptions(double target);

}  // namespace drover::simulate
