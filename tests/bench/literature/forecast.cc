#include "tests/bench/literature/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace drover::bench {
namespace {

constexpr size_t kMostTerms = 3;

// Least squares of a polynomial with `terms` coefficients by the normal equations, one step ahead.
double PolynomialForecast(const std::vector<double>& values, size_t terms) {
  if (values.size() <= terms) {
    return values.empty() ? 0 : values.back();
  }
  const double length = static_cast<double>(values.size());
  std::array<std::array<double, kMostTerms + 1>, kMostTerms> rows{};
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) / length;  // scaled: powers stay comparable
    for (size_t r = 0; r < terms; ++r) {
      for (size_t c = 0; c < terms; ++c) {
        rows[r][c] += std::pow(x, static_cast<double>(r + c));
      }
      rows[r][terms] += std::pow(x, static_cast<double>(r)) * values[i];
    }
  }
  for (size_t pivot = 0; pivot < terms; ++pivot) {
    for (size_t r = 0; r < terms; ++r) {
      if (r != pivot) {
        const double factor = rows[r][pivot] / rows[pivot][pivot];
        for (size_t c = pivot; c <= terms; ++c) {
          rows[r][c] -= factor * rows[pivot][c];
        }
      }
    }
  }
  double next = 0;
  for (size_t r = 0; r < terms; ++r) {
    next += rows[r][terms] / rows[r][r];  // at x = 1
  }
  return std::max(0.0, next);
}

}  // namespace

std::vector<double> LastOf(const std::vector<double>& values, size_t count) {
  return {values.end() - static_cast<std::ptrdiff_t>(std::min(count, values.size())), values.end()};
}

double LinearForecast(const std::vector<double>& values) { return PolynomialForecast(values, 2); }

double QuadraticForecast(const std::vector<double>& values) { return PolynomialForecast(values, 3); }

double AutoregressiveForecast(const std::vector<double>& values) {
  if (values.empty()) {
    return 0;
  }
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double products = 0;
  double squares = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    products += (values[i] - mean) * (values[i - 1] - mean);
    squares += (values[i - 1] - mean) * (values[i - 1] - mean);
  }
  const double weight = squares > 0 ? std::clamp(products / squares, -1.0, 1.0) : 0;
  return std::max(0.0, mean + weight * (values.back() - mean));
}

double SmoothedForecast(const std::vector<double>& values) {
  double level = values.empty() ? 0 : values.front();
  for (const double value : values) {
    level = (level + value) / 2;
  }
  return level;
}

}  // namespace drover::bench
