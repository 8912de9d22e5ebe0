// The promise of a latency on a small deterministic web service behind one balancer: replicas take `slots`
// requests at a time, more wait in the balancer.
#include "controller/core/autoscale/latency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

struct WebService {
  Duration target = absl::Milliseconds(500);
  double request_s = 0.1;
  double slots = 4;
  double startup_s = 5;
  double capacity = 1e9;  // requests/s of what all replicas share

  std::optional<MeasuredQuantile> measured = {};
  MaxWaitState state = {};
  double second = 0;
  double in_system = 0;
  double arrivals = 0;
  double completions = 0;
  int64_t ready = 2;
  std::deque<double> starting = {};
  double longest_wait_s = 0;
  Wish wish = {};

  int64_t count() const { return ready + static_cast<int64_t>(starting.size()); }

  void Run(double seconds, double rate) {
    for (double end = second + seconds; second < end;) {
      Tick(rate);
    }
  }

  void Tick(double rate) {
    second += 1;
    DecideInput input;
    while (!starting.empty() && starting.front() <= second) {
      starting.pop_front();
      ++ready;
      input.startups.push_back(absl::Seconds(startup_s));
    }
    // Fluid within the second: what the slots serve, and what of it is left in them at its end.
    const double at_once = static_cast<double>(ready) * slots;
    const double done = std::min({in_system + rate, at_once / request_s, capacity});
    in_system += rate - done;
    const double running = std::min(at_once, std::max(in_system, rate * request_s));
    const double waiting = std::floor(std::max(0.0, in_system - running) + 1e-6);
    arrivals += rate;
    completions += done;
    longest_wait_s = std::max(longest_wait_s, waiting * request_s / at_once);
    input.now = At(0) + absl::Seconds(second);
    input.current = count();
    input.ready = ready;
    SignalInput signal;
    signal.quantile = measured;
    signal.total = waiting + running;
    signal.load = WaitingLoad{.waiting = waiting,
                              .running = running,
                              .arrivals = arrivals,
                              .completions = completions,
                              .oldest = std::nullopt,
                              .slots = slots};
    wish = LatencyWish({.quantile = 0.95, .target = target}, signal, input, state);
    while (count() < std::min<int64_t>(*wish.wish, 1000)) {
      starting.push_back(second + startup_s);
    }
    while (count() > std::max<int64_t>(*wish.wish, 1)) {
      if (starting.empty()) {
        --ready;
      } else {
        starting.pop_back();
      }
    }
  }
};

TEST(LatencyTest, CountsReplicasBySlotsAndSettles) {
  WebService web;
  web.Run(600, 200);  // 20 requests at a time, five replicas' worth
  const int64_t settled = web.count();
  EXPECT_GE(settled, 5) << web.wish.formula;
  EXPECT_LE(settled, 10) << web.wish.formula;
  EXPECT_NEAR(web.state.load.service_s, web.request_s, 0.02);
  web.longest_wait_s = 0;
  web.Run(600, 200);
  EXPECT_EQ(web.count(), settled);
  EXPECT_LT(web.longest_wait_s, 0.4);
  EXPECT_THAT(web.wish.formula, HasSubstr("p95 500ms, a request takes 100"));
}

TEST(LatencyTest, ABurstIsAnsweredAtTheNextSample) {
  WebService web;
  web.Run(600, 40);
  const int64_t before = web.count();
  web.Run(1, 800);
  EXPECT_GE(web.count(), before + 5) << web.wish.formula;
}

TEST(LatencyTest, CapacityIsGivenBack) {
  WebService web;
  web.Run(600, 400);
  EXPECT_GE(web.count(), 10);
  web.Run(900, 20);
  EXPECT_LE(web.count(), 4) << web.wish.formula;
}

// A database behind the replicas: the counters of the balancer show that more of them do no more.
TEST(LatencyTest, ALimitDownstreamStopsTheAdding) {
  WebService web{.target = absl::Seconds(2), .request_s = 1, .startup_s = 10, .capacity = 40};
  web.Run(600, 20);
  web.Run(900, 44);
  EXPECT_EQ(web.wish.held_by, "downstream limit") << web.wish.formula;
  const int64_t stopped = web.count();
  EXPECT_LT(stopped, 300);
  web.Run(300, 44);
  EXPECT_EQ(web.count(), stopped);
}

TEST(LatencyTest, SaysThatReplicasCannotShortenTheRequestItself) {
  WebService web{.target = absl::Milliseconds(80)};
  web.Run(300, 100);
  EXPECT_THAT(web.wish.formula, HasSubstr("more replicas shorten only the waiting"));
  EXPECT_LE(web.count(), 10) << web.wish.formula;
}

// Other signals and timers make the engine look again before the balancer was read again.
TEST(LatencyTest, TheSameReadingAgainIsNoNews) {
  WebService web;
  web.Run(60, 200);
  SignalInput measured;
  measured.total = 20;
  measured.load = WaitingLoad{.waiting = 0,
                              .running = 20,
                              .arrivals = web.arrivals,
                              .completions = web.completions,
                              .oldest = std::nullopt,
                              .slots = web.slots};
  DecideInput input;
  input.current = input.ready = web.count();
  const double mean = web.state.load.mean;
  const double demand = web.state.load.demand;
  for (int i = 1; i <= 9; ++i) {
    measured.age = absl::Milliseconds(100 * i);
    input.now = At(0) + absl::Seconds(web.second) + measured.age;
    const Wish wish = LatencyWish({.quantile = 0.95, .target = web.target}, measured, input, web.state);
    EXPECT_EQ(wish.wish, web.count());
  }
  EXPECT_NEAR(web.state.load.mean, mean, 1e-6);
  EXPECT_NEAR(web.state.load.demand, demand, 1e-6);
}

TEST(LatencyTest, R4_WithoutALoadItIsUnknown) {
  MaxWaitState state;
  SignalInput measured;
  measured.unknown_reason = "not measured yet by lb";
  const Wish wish =
      LatencyWish({.quantile = 0.95, .target = absl::Seconds(1)}, measured, DecideInput(), state);
  EXPECT_FALSE(wish.wish);
  EXPECT_EQ(wish.unknown_reason, "not measured yet by lb");
  EXPECT_FALSE(state.begin);
}

MeasuredQuantile P95(double replica_s, double answered_s) {
  return {.quantile = 0.95, .answered_s = answered_s, .replica_s = replica_s, .requests = 1200};
}

TEST(LatencyTest, TheMeasuredQuantileStandsForTheRequest) {
  WebService web;
  web.measured = P95(0.35, 0.41);
  web.Run(600, 200);
  EXPECT_EQ(web.wish.value, 0.41);
  EXPECT_THAT(
      web.wish.formula,
      HasSubstr("p95 500ms, measured 410ms (of 1,200 requests), without waiting 350ms: 150ms to wait"));
  const int64_t settled = web.count();
  web.Run(600, 200);
  EXPECT_EQ(web.count(), settled);
  WebService mean;
  mean.Run(600, 200);
  EXPECT_GE(settled, mean.count()) << "less is left for the wait";
}

TEST(LatencyTest, ARequestThatIsTooLongByItselfLeavesATenthForTheWait) {
  WebService web;
  web.measured = P95(0.8, 0.8);
  web.Run(100, 200);
  EXPECT_THAT(web.wish.formula, HasSubstr("without waiting 800ms: 50ms to wait (more replicas shorten only"));
}

// A service with few requests is at times below what a quantile needs.
TEST(LatencyTest, AMeasuredQuantileIsKeptForFiveMinutes) {
  WebService web;
  web.measured = P95(0.35, 0.41);
  web.Run(60, 200);
  web.measured.reset();
  web.Run(200, 200);
  EXPECT_THAT(web.wish.formula, HasSubstr("p95 500ms, without waiting 350ms: 150ms to wait"));
  web.Run(200, 200);
  EXPECT_THAT(web.wish.formula, HasSubstr("p95 500ms, a request takes 100"));
}

TEST(LatencyTest, AnUnevenQuantileIsSmoothed) {
  WebService web;
  web.measured = P95(0.2, 0.2);
  web.Run(60, 200);
  web.measured = P95(0.4, 0.4);
  web.Run(1, 200);
  EXPECT_NEAR(web.state.quantile->replica_s, 0.207, 0.001);
  web.Run(120, 200);
  EXPECT_NEAR(web.state.quantile->replica_s, 0.4, 0.01);
}

// As when the promise was changed, or another is tried on recorded samples.
TEST(LatencyTest, AnotherQuantileIsNotThePromised) {
  WebService web;
  web.measured = MeasuredQuantile{.quantile = 0.99, .answered_s = 0.4, .replica_s = 0.4, .requests = 1200};
  web.Run(60, 200);
  EXPECT_THAT(web.wish.formula, HasSubstr("p95 500ms, a request takes "));
  EXPECT_FALSE(web.state.quantile);
}

}  // namespace
}  // namespace drover::controller
