// Our own policy on our own traces, seed 1: what it keeps and what it costs at most. The bounds leave room
// for small changes of the method; a bound that must be widened is a loss to be explained.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "simulate/experiment.h"

namespace drover::simulate {
namespace {

struct Row {
  const char* trace;
  double startup_low_s;
  double startup_high_s;
  double late_percent;  // at most
  double over_best;     // cost over the cheaper yardstick, at most

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.trace << " " << row.startup_high_s; }
};

class PromiseTest : public testing::TestWithParam<Row> {};

TEST_P(PromiseTest, IsKeptAtItsCost) {
  const Row& row = GetParam();
  const auto trace = ReadTrace(absl::StrCat("tests/traces/", row.trace, ".csv"));
  const auto params = ReadParams("tests/traces/params.csv");
  ASSERT_TRUE(trace.ok() && params.ok());
  Comparison comparison;
  comparison.inputs = {{.trace = *trace, .params = params->at(row.trace)}};
  comparison.seeds = {1};
  comparison.policies.emplace_back().name = "drover";
  comparison.setting.startup_low_s = row.startup_low_s;
  comparison.setting.startup_high_s = row.startup_high_s;
  const auto results = Compare(comparison);
  ASSERT_TRUE(results.ok()) << results.status();
  const Result& result = results->front();
  EXPECT_LE(result.figures.late_percent, row.late_percent);
  EXPECT_LE(result.figures.replica_hours / std::min(result.rate_oracle_hours, result.clairvoyant_hours),
            row.over_best);
}

INSTANTIATE_TEST_SUITE_P(Own, PromiseTest,
                         testing::Values(Row{"own_step", 5, 15, 1, 1.35}, Row{"own_ramp", 5, 15, 0.2, 1.15},
                                         Row{"own_spike", 5, 15, 4, 2.0}, Row{"own_onoff", 5, 15, 3.5, 2.7},
                                         Row{"own_ramp", 45, 120, 2.5, 1.45},
                                         Row{"own_onoff", 45, 120, 7, 1.6}));

}  // namespace
}  // namespace drover::simulate
