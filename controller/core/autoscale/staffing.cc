#include "controller/core/autoscale/staffing.h"

#include <cmath>
#include <numbers>

namespace drover::controller {

double DelayProbability(const StaffingLoad& load, double spare) {
  const double beta = spare / std::sqrt(load.busy * load.dispersion);
  const double cumulative = 0.5 * std::erfc(-beta / std::numbers::sqrt2);
  const double density = std::exp(-beta * beta / 2) / std::sqrt(2 * std::numbers::pi);
  return 1 / (1 + beta * cumulative / density);
}

double SpareFor(const StaffingLoad& load, double late) {
  if (load.busy <= 0) {
    return 0;
  }
  double low = 0;
  double high = 8 * std::sqrt(load.busy * load.dispersion) + 1;
  // Thirty halvings of a range of a few hundred replicas: far below one replica.
  for (int step = 0; step < 30; ++step) {
    const double spare = (low + high) / 2;
    const double wait =
        DelayProbability(load, spare) * std::exp(-2 * spare * load.promise / (1 + load.dispersion));
    (wait > late ? low : high) = spare;
  }
  return high;
}

double NormalQuantile(double probability) {
  const double t = std::sqrt(-2 * std::log(1 - probability));
  return t -
         (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

}  // namespace drover::controller
