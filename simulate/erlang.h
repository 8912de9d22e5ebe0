// The M/M/k queue: probability of waiting (Erlang C) and the replicas that keep a promise.
#pragma once

#include <cstdint>

namespace drover::simulate {

// Probability that a job has to wait with `servers` servers and an offered load of `erlang` (>= 0); 1
// when servers <= erlang. Erlang's C formula, by the recursion of his B formula.
double ErlangC(int64_t servers, double erlang);

// Mean wait, in units of the mean job length; infinite when servers <= erlang.
double MeanWait(int64_t servers, double erlang);

struct Promise {
  double wait_s = 0;    // a job may wait this long
  double share = 0.01;  // this share of jobs may wait longer, in (0, 1)
};

// The least number of servers that keeps `promise` under Poisson arrivals of `erlang` and exponential
// job lengths of mean `job_s`: P(wait > w) = C(k, a) e^(-(k - a) w / job_s). 0 for a load of 0.
int64_t ServersFor(double erlang, double job_s, const Promise& promise);

}  // namespace drover::simulate
