#include "simulate/jobs.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace drover::simulate {
namespace {

double Exponential(Prng& stream, double mean) { return -std::log(1 - stream.Uniform()) * mean; }

// Coefficient of variation 2: sigma^2 = ln(1 + 2^2); the normal deviate by Box and Muller.
double LogNormal(Prng& stream, double mean) {
  const double sigma = std::sqrt(std::log(5.0));
  const double radius = std::sqrt(-2 * std::log(1 - stream.Uniform()));
  const double normal = radius * std::cos(2 * std::numbers::pi * stream.Uniform());
  return mean * std::exp(sigma * normal - sigma * sigma / 2);
}

double Length(const JobOptions& options, Prng& stream) {
  switch (options.length) {
    case JobLength::kExponential:
      return Exponential(stream, options.mean_s);
    case JobLength::kDeterministic:
      return options.mean_s;
    case JobLength::kLogNormal:
      return LogNormal(stream, options.mean_s);
  }
  return options.mean_s;
}

}  // namespace

Jobs MakeJobs(const Trace& trace, const JobOptions& options, Streams& streams) {
  Jobs jobs;
  std::vector<double> positions;
  for (size_t bin = 0; bin < trace.counts.size(); ++bin) {
    positions.resize(static_cast<size_t>(trace.counts[bin]));
    for (double& position : positions) {
      position = streams.arrivals.Uniform();
    }
    std::sort(positions.begin(), positions.end());
    for (const double position : positions) {
      jobs.arrival_s.push_back((static_cast<double>(bin) + position) * trace.bin_s);
    }
  }
  jobs.length_s.reserve(jobs.arrival_s.size());
  for (const double arrival : jobs.arrival_s) {
    const bool doubled = options.doubles_at_s >= 0 && arrival >= options.doubles_at_s;
    jobs.length_s.push_back(Length(options, streams.lengths) * (doubled ? 2 : 1));
  }
  return jobs;
}

}  // namespace drover::simulate
