// One step ahead of a series, by the methods that the literature's policies use. Never below 0; the last
// value when there are too few points.
#pragma once

#include <cstddef>
#include <vector>

namespace drover::bench {

std::vector<double> LastOf(const std::vector<double>& values, size_t count);

// Least squares of a straight line, and of a parabola, over the index.
double LinearForecast(const std::vector<double>& values);
double QuadraticForecast(const std::vector<double>& values);
// Of order one, around the mean.
double AutoregressiveForecast(const std::vector<double>& values);
// Simple exponential smoothing, weight 0.5.
double SmoothedForecast(const std::vector<double>& values);

}  // namespace drover::bench
