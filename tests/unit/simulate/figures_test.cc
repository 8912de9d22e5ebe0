// Figures of runs that are written down.
#include "simulate/figures.h"

#include <gtest/gtest.h>

namespace drover::simulate {
namespace {

TEST(FiguresTest, Quantiles) {
  std::vector<double> values = {5, 1, 4, 2, 3};
  EXPECT_EQ(Quantile(values, 0.5), 3);
  EXPECT_EQ(Quantile(values, 0.99), 5);
  EXPECT_EQ(Quantile(values, 0), 1);
  std::vector<double> none;
  EXPECT_EQ(Quantile(none, 0.5), 0);
}

Run RunOf(std::vector<double> waits, std::vector<int32_t> ready) {
  Run run;
  run.seconds = static_cast<int64_t>(ready.size());
  run.wait_s = std::move(waits);
  run.ready = std::move(ready);
  return run;
}

TEST(FiguresTest, LatenessByHourOfArrival) {
  const auto run = RunOf({0, 3, 1, 5}, std::vector<int32_t>(7200, 1));
  const Jobs jobs{.arrival_s = {10, 20, 3700, 6900}, .length_s = {1, 1, 1, 1}};
  const Demand demand{.window_s = 3600, .erlang = {1, 1}, .replicas = {1, 1}};
  const Figures figures = FiguresOf(run, jobs, demand, 2);
  EXPECT_EQ(figures.late_percent, 50);
  EXPECT_EQ(figures.worst_hour_late_percent, 50);
  EXPECT_EQ(figures.settled_late_percent, 100);  // from 3600 + 600 s on
  EXPECT_EQ(figures.wait_max_s, 5);
}

TEST(FiguresTest, AWaitAsLongAsPromisedIsNotLate) {
  const auto run = RunOf({2}, std::vector<int32_t>(60, 1));
  const Demand demand{.window_s = 60, .erlang = {1}, .replicas = {1}};
  EXPECT_EQ(FiguresOf(run, {.arrival_s = {1}, .length_s = {1}}, demand, 2).late_percent, 0);
}

TEST(FiguresTest, ElasticityByWindows) {
  // Supply at the starts 2 2 6 3, demand 4 2 4 5.
  std::vector<int32_t> ready;
  for (const int32_t supply : {2, 2, 6, 3}) {
    ready.insert(ready.end(), 10, supply);
  }
  const Demand demand{.window_s = 10, .erlang = {3, 1, 3, 4}, .replicas = {4, 2, 4, 5}};
  const Figures figures = FiguresOf(RunOf({}, ready), {}, demand, 1);
  EXPECT_DOUBLE_EQ(figures.theta_u, 100 * (2.0 / 4 + 2.0 / 5) / 4);
  EXPECT_DOUBLE_EQ(figures.theta_o, 100 * (2.0 / 4) / 4);
  EXPECT_DOUBLE_EQ(figures.tau_u, 50);
  EXPECT_DOUBLE_EQ(figures.tau_o, 25);
  // Signs of change: supply 0 + -, demand - + +.
  EXPECT_DOUBLE_EQ(figures.instability, 100 * 2.0 / 3);
}

}  // namespace
}  // namespace drover::simulate
