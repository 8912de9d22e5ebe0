// Replicas for a load and a promised wait: queueing formulas in closed form, O(1) in the load.
#pragma once

namespace drover::controller {

struct StaffingLoad {
  double busy = 0;        // mean number of busy replicas (offered load, Erlang)
  double dispersion = 1;  // variance of that number over its mean; Poisson arrivals: 1
  // Mean waits are measured in this many service times.
  double promise = 0;  // max_wait / mean service time
};

// Probability that a job waits at all with `spare` replicas above the load (Halfin and Whitt, 1981).
double DelayProbability(const StaffingLoad& load, double spare);

// The least spare capacity with which at most `late` of the jobs wait longer than the promise, in the
// heavy-traffic approximation of the G/G/k queue: P(W > t) = P(W > 0) e^(-2 t spare / (1 + dispersion)).
double SpareFor(const StaffingLoad& load, double late);

// The standard normal quantile of `probability` in [0.5, 1), to 5e-4 (Abramowitz and Stegun, 26.2.23).
double NormalQuantile(double probability);

}  // namespace drover::controller
