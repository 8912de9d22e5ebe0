#include "controller/core/autoscale/totals.h"

#include "controller/core/autoscale/saturating.h"

namespace drover::controller {
namespace {

SharedValueCount Answer(double ratio, int64_t formula, const SharedValueRule& rule) {
  SharedValueCount result{.count = formula, .formula = formula, .held = false};
  if (WithinTolerance(ratio, rule.tolerance)) {
    result.held = true;
    result.count = rule.current;
  }
  return result;
}

}  // namespace

SharedValueCount CountByTotal(double total, const SharedValueRule& rule) {
  const double ratio = total / rule.target;
  if (rule.current == 0) {
    const int64_t formula = CeilToCount(ratio);
    return {.count = formula, .formula = formula, .held = false};
  }
  return Answer(ratio, CeilToCount(ratio * static_cast<double>(rule.ready)), rule);
}

SharedValueCount CountByAverage(double total, const SharedValueRule& rule) {
  // Without replicas the ratio is infinite or not a number: outside of every tolerance.
  return Answer(total / (rule.target * static_cast<double>(rule.current)), CeilToCount(total / rule.target),
                rule);
}

int64_t SumOfSeries(const std::vector<int64_t>& values) {
  int64_t sum = 0;
  for (const int64_t value : values) {
    sum = SaturatingAdd(sum, value);
  }
  return sum;
}

}  // namespace drover::controller
