#include "simulate/staffing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

namespace drover::simulate {

namespace {

// Bins that the time cuts count by their share.
double JobsBetween(const Trace& trace, double from, double to) {
  double jobs = 0;
  for (size_t bin = static_cast<size_t>(from / trace.bin_s); bin < trace.counts.size(); ++bin) {
    const double start = static_cast<double>(bin) * trace.bin_s;
    if (start >= to) {
      break;
    }
    const double overlap = std::min(to, start + trace.bin_s) - std::max(from, start);
    jobs += static_cast<double>(trace.counts[bin]) * overlap / trace.bin_s;
  }
  return jobs;
}

}  // namespace

int64_t Demand::At(int64_t second) const {
  const size_t window = static_cast<size_t>(std::max<int64_t>(second, 0) / window_s);
  return replicas[std::min(window, replicas.size() - 1)];
}

Demand DemandOf(const Trace& trace, double job_s, const Promise& promise) {
  Demand demand{.window_s = trace.bin_s >= 60 ? 60 : 10, .erlang = {}, .replicas = {}};
  const double window_s = static_cast<double>(demand.window_s);
  const size_t windows = static_cast<size_t>(std::max(1.0, std::floor(trace.length_s() / window_s)));
  for (size_t window = 0; window < windows; ++window) {
    const double from = static_cast<double>(window) * window_s;
    const double to = std::min(from + window_s, trace.length_s());
    demand.erlang.push_back(JobsBetween(trace, from, to) / (to - from) * job_s);
    demand.replicas.push_back(std::max<int64_t>(1, ServersFor(demand.erlang.back(), job_s, promise)));
  }
  return demand;
}

double WorkBound(const Jobs& jobs, double end_s) {
  double work = 0;
  for (size_t i = 0; i < jobs.arrival_s.size(); ++i) {
    work += std::min(jobs.length_s[i], end_s - jobs.arrival_s[i]);
  }
  return work;
}

double ClairvoyantCost(const Jobs& jobs, double launch_s, double end_s) {
  std::priority_queue<double, std::vector<double>, std::greater<>> endings;
  std::vector<double> idle_since;  // the youngest last
  double cost = WorkBound(jobs, end_s);
  for (size_t i = 0; i < jobs.arrival_s.size(); ++i) {
    const double now = jobs.arrival_s[i];
    while (!endings.empty() && endings.top() <= now) {
      idle_since.push_back(endings.top());
      endings.pop();
    }
    if (idle_since.empty()) {
      cost += launch_s;
    } else {
      cost += std::min(now - idle_since.back(), launch_s);
      idle_since.pop_back();
    }
    endings.push(now + jobs.length_s[i]);
  }
  return cost;
}

}  // namespace drover::simulate
