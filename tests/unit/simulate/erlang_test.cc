// Erlang's formulas, and the model against them where theory is exact.
#include "simulate/erlang.h"

#include <gtest/gtest.h>

#include <cmath>

#include "simulate/jobs.h"
#include "simulate/model.h"
#include "tests/unit/simulate/scripted.h"

namespace drover::simulate {
namespace {

TEST(ErlangTest, KnownValues) {
  EXPECT_DOUBLE_EQ(ErlangC(1, 0.5), 0.5);      // M/M/1: the load
  EXPECT_NEAR(ErlangC(2, 1), 1.0 / 3, 1e-12);  // by hand
  EXPECT_NEAR(ErlangC(12, 10), 0.4494, 1e-4);  // tables
  EXPECT_EQ(ErlangC(3, 3), 1);
  EXPECT_EQ(ErlangC(3, 0), 0);
  EXPECT_NEAR(MeanWait(1, 0.5), 1, 1e-12);
}

TEST(ErlangTest, TheLeastNumberThatKeepsThePromise) {
  for (const double load : {0.1, 3.0, 27.4, 204.0}) {
    for (const double wait : {0.0, 2.0, 30.0}) {
      const int64_t servers = ServersFor(load, 5, {.wait_s = wait, .share = 0.01});
      auto late = [&](int64_t k) {
        const double spare = static_cast<double>(k) - load;
        return spare <= 0 ? 1 : ErlangC(k, load) * std::exp(-spare * wait / 5);
      };
      EXPECT_LE(late(servers), 0.01) << load << " " << wait;
      EXPECT_GT(late(servers - 1), 0.01) << load << " " << wait;
    }
  }
  EXPECT_EQ(ServersFor(0, 5, {}), 0);
}

struct Measured {
  double mean_wait_s = 0;
  double waited = 0;  // share of jobs
};

// Constant replicas under ten jobs of 1 s a second. One long bin: positions uniform over it are a Poisson
// process but for the fixed count.
Measured Measure(int64_t servers, uint64_t seed) {
  Streams streams(seed);
  const Trace trace{.name = "t", .bin_s = 20'000, .counts = {200'000, 200'000}};
  const Jobs jobs = MakeJobs(trace, {.mean_s = 1}, streams);
  Scripted policy({{0, servers}});
  const auto run =
      RunModel(jobs, {.initial = servers, .seconds = 40'000, .progress = {}}, streams.startups, policy);
  const double count = static_cast<double>(run.wait_s.size());
  Measured measured;
  for (const double wait : run.wait_s) {
    measured.mean_wait_s += wait / count;
    measured.waited += wait > 0 ? 1 / count : 0;
  }
  return measured;
}

TEST(ErlangTest, TheModelIsAnMMkQueueUnderConstantReplicas) {
  constexpr double kLoad = 10;
  constexpr int kSeeds = 8;
  for (const int64_t servers : {11, 12, 15}) {
    SCOPED_TRACE(servers);
    double sum = 0;
    double squares = 0;
    double waited = 0;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const Measured measured = Measure(servers, seed);
      sum += measured.mean_wait_s / kSeeds;
      squares += measured.mean_wait_s * measured.mean_wait_s / kSeeds;
      waited += measured.waited / kSeeds;
    }
    const double error = std::sqrt((squares - sum * sum) / (kSeeds - 1));
    EXPECT_NEAR(sum, MeanWait(servers, kLoad), 3.5 * error);  // t of 7 degrees: 99 %
    EXPECT_LT(error, sum / 20);
    EXPECT_NEAR(waited, ErlangC(servers, kLoad), 0.01);
  }
}

}  // namespace
}  // namespace drover::simulate
