// The promise `latency: {p95: 200ms}`. More replicas shorten the wait in the balancer, not what a request
// takes by itself. So what a request takes without waiting is left out of the target at the promised
// quantile, and what remains is what the wait may take, for so many of the requests. Where balancers tell of
// single requests that quantile is measured; as long as too few are known, the mean time of a request (in
// hand over done) stands for it.
//
//   target ─► less what a request takes ─► max_wait.h, over what replicas do at a time ─► count
#pragma once

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

// Value, in seconds: the measured quantile, waiting included; without one the mean time of a request that
// comes now. `measured` without a load is unknown. `state` is what earlier calls left.
Wish LatencyWish(const LatencySpec& promise, const SignalInput& measured, const DecideInput& input,
                 MaxWaitState& state);

}  // namespace drover::controller
