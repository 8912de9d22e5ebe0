// What a run is judged by.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/model.h"
#include "simulate/staffing.h"

namespace drover::simulate {

struct Figures {
  double late_percent = 0;  // of jobs that waited longer than promised
  double wait_p50_s = 0;
  double wait_p95_s = 0;
  double wait_p99_s = 0;
  double wait_max_s = 0;
  double worst_hour_late_percent = 0;  // by hour of arrival
  // Of the jobs that arrived ten minutes or more after the middle of the trace, where disturbances begin.
  double settled_late_percent = 0;
  double replica_hours = 0;
  double work_bound_hours = 0;  // busy time alone: no policy pays less
  double actions_per_hour = 0;
  double launches_per_hour = 0;
  double restarts_per_hour = 0;  // launches less than the mean start-up time after a removal
  double cpu_per_decision_us = 0;
  // Elasticity (SPEC RG; Herbst et al. 2018), in percent, by windows of the demand. Supply: ready
  // replicas at the start of the window.
  double theta_u = 0;
  double theta_o = 0;
  double tau_u = 0;
  double tau_o = 0;
  double instability = 0;
};

Figures FiguresOf(const Run& run, const Jobs& jobs, const Demand& demand, double slo_wait_s);

// Smallest value that at least `share` of `values` do not exceed; 0 of none. Reorders.
double Quantile(std::vector<double>& values, double share);

}  // namespace drover::simulate
