// Scaling policies of the literature, as baselines. Written from their descriptions; each acts once a
// period on the load of the period before, in Erlang: arrivals per second times the mean job length that
// completions so far show.
#pragma once

#include <memory>

#include "simulate/policies/registry.h"
#include "simulate/policy.h"

namespace drover::bench {

// Chieu et al. 2009: more than the load by (`headroom` - 1) of the deficit, less when the surplus is
// more than a tenth.
std::unique_ptr<simulate::Policy> MakeReact(int64_t period_s, double headroom);

// Urgaonkar et al. 2008: `percentile` of what this hour of the day needed so far, corrected by the mean
// error of the last five periods; reactive when more than five of the last ten were short.
std::unique_ptr<simulate::Policy> MakeHist(int64_t period_s, double percentile);

// Iqbal et al. 2011: up by the load times `headroom`, down by a second-order regression over 60 points.
std::unique_ptr<simulate::Policy> MakeReg(int64_t period_s, double headroom);

// Ali-Eldin et al. 2012: up by the change of load per mean server, down by a quarter of the surplus over
// the load times `headroom`; reactive by that product when short.
std::unique_ptr<simulate::Policy> MakeAdapt(int64_t period_s, double headroom);

// Fernandez et al. 2014: of an autoregressive, a linear and an exponentially smoothed forecast over 20
// points the one whose last error is least, averaged with the load and times `headroom`.
std::unique_ptr<simulate::Policy> MakeConPaaS(int64_t period_s, double headroom);

// Gandhi et al. 2012, AutoScale--: React's scale-out at once, and every idle server waits `wait_s`
// before it goes (with the least-indexed server first: what was busy at most in that time stays).
std::unique_ptr<simulate::Policy> MakeAutoScale(int64_t period_s, double wait_s);

}  // namespace drover::bench
