// Reports: the keys of the JSON, means and intervals, a page that stands alone.
#include "simulate/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "simulate/svg.h"

namespace drover::simulate {
namespace {

using testing::HasSubstr;
using testing::Not;

Result ResultOf(uint64_t seed, double late) {
  Result result;
  result.trace = "t<1>";
  result.policy = "hpa";
  result.target = 70;
  result.seed = seed;
  result.figures.late_percent = late;
  result.figures.replica_hours = 12;
  result.figures.work_bound_hours = 10;
  result.rate_oracle_hours = 11;
  return result;
}

TEST(ReportTest, JsonKeysInOrder) {
  const auto all = nlohmann::ordered_json::parse(ToJson({ResultOf(1, 2)}));
  std::vector<std::string> keys;
  for (const auto& [key, value] : all.at(0).items()) {
    keys.push_back(key);
  }
  keys.resize(20);
  EXPECT_THAT(keys, testing::ElementsAre("trace", "policy", "target", "seed", "late_percent", "wait_p50_s",
                                         "wait_p95_s", "wait_p99_s", "wait_max_s", "replica_hours",
                                         "work_bound_hours", "cost_over_work_bound", "rate_oracle_hours",
                                         "actions_per_hour", "launches_per_hour", "theta_u", "theta_o",
                                         "tau_u", "tau_o", "instability"));
  EXPECT_EQ(all[0]["cost_over_work_bound"], 1.2);
}

TEST(ReportTest, SeedsBecomeMeanAndInterval) {
  const std::vector<Summary> summaries = Summarise({ResultOf(1, 1), ResultOf(2, 2), ResultOf(3, 3)});
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].seeds, 3u);
  EXPECT_DOUBLE_EQ(summaries[0].mean.late_percent, 2);
  EXPECT_NEAR(summaries[0].late_percent_ci, 4.303 / std::sqrt(3.0), 1e-9);
  EXPECT_EQ(SummaryRows(summaries)[0].size(), SummaryTitles().size());
}

TEST(ReportTest, ThePageStandsAlone) {
  Comparison comparison;
  Trace trace{.name = "t<1>", .bin_s = 1, .counts = std::vector<int64_t>(120, 3)};
  comparison.inputs = {{.trace = trace, .params = {.service_s = 1, .thin = 1, .slo_wait_s = 1}}};
  comparison.seeds = {1};
  comparison.keep_runs = true;
  comparison.policies.emplace_back().name = "kpa";
  comparison.policies.emplace_back().name = "clairvoyant";
  const auto results = Compare(comparison);
  ASSERT_TRUE(results.ok());
  const std::string page = ToHtml(*results);
  EXPECT_THAT(page, HasSubstr("<h2>t&lt;1&gt;</h2>"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("needed (demand)"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(ReportTest, NiceSteps) {
  EXPECT_DOUBLE_EQ(NiceStep(24, 8), 5);
  EXPECT_DOUBLE_EQ(NiceStep(16, 8), 2);
  EXPECT_DOUBLE_EQ(NiceStep(0.7, 8), 0.1);
}

}  // namespace
}  // namespace drover::simulate
