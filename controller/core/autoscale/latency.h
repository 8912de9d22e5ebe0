// The promise `latency: {p95: 200ms}`. A balancer tells how many requests wait and how many are being
// served, not how long each took: HAProxy's own times are means over the last 1024 requests, of which no
// quantile can be had. So the promise is kept where more replicas can keep it: what is left of the target
// after the mean time of a request is what the wait in the balancer may take, for so many of the requests.
//
//   target ─► less the mean time of a request ─► max_wait.h, over what replicas do at a time ─► count
#pragma once

#include "controller/core/autoscale/decide.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {

// Value: the mean time of a request that comes now, waiting included, in seconds. `measured` without a load
// is unknown. `state` is what earlier calls left.
Wish LatencyWish(const LatencySpec& promise, const SignalInput& measured, const DecideInput& input,
                 MaxWaitState& state);

}  // namespace drover::controller
