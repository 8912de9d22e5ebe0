// The promise on a small deterministic service: fluid arrivals, a fixed start-up time.
#include "controller/core/autoscale/max_wait.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <functional>

#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

struct Plant {
  double promise_s = 10;
  double service_s = 2;
  double startup_s = 10;
  double capacity = 1e9;  // jobs/s of what all replicas share
  bool counts = true;     // arrivals and completions are counted
  bool knows_running = true;

  MaxWaitState state = {};
  double second = 0;
  double in_system = 0;
  double arrivals = 0;
  double completions = 0;
  int64_t ready = 1;
  std::deque<double> starting = {};  // when each becomes ready
  double longest_wait_s = 0;
  Wish wish = {};

  int64_t count() const { return ready + static_cast<int64_t>(starting.size()); }

  // One second at `rate` jobs/s; then the rule decides and is obeyed.
  void Tick(double rate) {
    second += 1;
    MaxWaitInput input;
    while (!starting.empty() && starting.front() <= second) {
      starting.pop_front();
      ++ready;
      input.startups.push_back(absl::Seconds(startup_s));
    }
    const double busy = std::min(static_cast<double>(ready), in_system);
    const double done = std::min({busy / service_s, capacity, in_system});
    in_system += rate - done;
    arrivals += rate;
    completions += done;
    const double left = std::min(static_cast<double>(ready), in_system);
    longest_wait_s = std::max(longest_wait_s, (in_system - left) * service_s / static_cast<double>(ready));
    input.now = At(0) + absl::Seconds(second);
    input.max_wait = absl::Seconds(promise_s);
    input.current = count();
    input.ready = ready;
    input.load.waiting = std::floor(in_system - left + 1e-6);
    if (knows_running) {
      input.load.running = left;
    }
    if (counts) {
      input.load.arrivals = arrivals;
      input.load.completions = completions;
    }
    wish = MaxWaitWish(input, state);
    Obey(*wish.wish);
  }

  void Run(double seconds, double rate) {
    for (double end = second + seconds; second < end;) {
      Tick(rate);
    }
  }

  void Obey(int64_t count) {
    while (this->count() < std::min<int64_t>(count, 1000)) {
      starting.push_back(second + startup_s);
    }
    while (this->count() > std::max<int64_t>(count, 1)) {
      if (starting.empty()) {
        --ready;
      } else {
        starting.pop_back();
      }
    }
  }
};

TEST(MaxWaitTest, SettlesAndStaysUnderConstantLoad) {
  Plant plant;
  plant.Run(600, 10);  // 20 replicas' worth
  const int64_t settled = plant.count();
  EXPECT_GE(settled, 20);
  EXPECT_LE(settled, 30);
  plant.longest_wait_s = 0;
  for (int i = 0; i < 1200; ++i) {
    plant.Tick(10);
    ASSERT_EQ(plant.count(), settled);
  }
  EXPECT_LT(plant.longest_wait_s, plant.promise_s);
}

TEST(MaxWaitTest, ABurstIsAnsweredAtTheNextSample) {
  Plant plant{.promise_s = 2};
  plant.Run(600, 2);
  const int64_t before = plant.count();
  plant.Tick(100);
  EXPECT_GE(plant.count(), before + 40);
}

TEST(MaxWaitTest, ABacklogThatKeepsItsPromiseNeedsNoMore) {
  Plant plant{.promise_s = 60};
  plant.Run(600, 10);
  const int64_t before = plant.count();
  plant.longest_wait_s = 0;
  plant.in_system += 40;  // 4 s of work for all
  plant.arrivals += 40;
  plant.Run(5, 10);
  EXPECT_LE(plant.count(), before + 8);
  EXPECT_LT(plant.longest_wait_s, plant.promise_s);
}

TEST(MaxWaitTest, CapacityGoesNoEarlierThanAStartUpAndNotMuchLater) {
  Plant plant;
  plant.Run(600, 20);
  const int64_t busy = plant.count();
  plant.Run(plant.startup_s - 1, 2);
  EXPECT_EQ(plant.count(), busy);
  plant.Run(40 * plant.startup_s, 2);
  EXPECT_LE(plant.count(), 10);
}

TEST(MaxWaitTest, CapacityStaysWhereLoadHasReturned) {
  Plant once{.promise_s = 1};
  once.Run(300, 1);
  once.Run(30, 40);
  Plant often = once;
  for (int i = 0; i < 8; ++i) {
    often.Run(60, 1);
    often.Run(30, 40);
  }
  once.Run(60, 1);
  often.Run(60, 1);
  EXPECT_LT(once.count(), 40);
  EXPECT_GE(often.count(), 80);
  EXPECT_NE(often.wish.formula.find("needed within"), std::string::npos) << often.wish.formula;
}

// Half a minute of forty times the load, an hour apart.
void RunHours(Plant& plant, int hours) {
  for (int hour = 0; hour < hours; ++hour) {
    plant.Run(1800, 1);
    plant.Run(30, 40);
    plant.Run(1770, 1);
  }
}

TEST(MaxWaitTest, WhatComesEveryHourIsStartedBeforeIt) {
  Plant plant{.promise_s = 5, .startup_s = 60};
  plant.Run(10, 1);
  RunHours(plant, 1);
  EXPECT_GT(plant.longest_wait_s, plant.promise_s);
  RunHours(plant, 2);
  plant.longest_wait_s = 0;
  plant.Run(1780, 1);
  EXPECT_NE(plant.wish.formula.find("at this minute of the hour"), std::string::npos) << plant.wish.formula;
  EXPECT_GE(plant.count(), 70);
  plant.Run(20, 1);
  plant.Run(30, 40);
  EXPECT_LT(plant.longest_wait_s, plant.promise_s);
}

TEST(MaxWaitTest, NothingIsStartedForTheClockWhereStartingInTimeIsEasy) {
  Plant plant{.promise_s = 10, .startup_s = 10};
  RunHours(plant, 3);
  plant.Run(1780, 1);
  EXPECT_LE(plant.count(), 5);
}

// Five start-ups would be a second; a gap of that length is no gap.
TEST(MaxWaitTest, CapacityGoesAlsoWhereStartUpsAreShorterThanTheTimeBetweenSamples) {
  MaxWaitState state;
  int64_t current = 10;
  for (int i = 0; i < 60; ++i) {
    MaxWaitInput input{.now = At(0) + i * absl::Milliseconds(1100),
                       .max_wait = absl::Seconds(5),
                       .current = current,
                       .ready = current,
                       .startups = std::vector<Duration>(i == 0 ? 500 : 0, absl::Milliseconds(150)),
                       .load = {}};
    input.load.running = 0;
    current = *MaxWaitWish(input, state).wish;
  }
  EXPECT_LE(current, 1);
}

TEST(MaxWaitTest, StartUpAndServiceTimesAreLearned) {
  Plant plant{.service_s = 3, .startup_s = 40};
  plant.Run(600, 10);
  plant.Run(1200, 30);
  EXPECT_NEAR(plant.state.startup_s, 40, 4);
  EXPECT_NEAR(plant.state.load.service_s, 3, 0.5);
}

TEST(MaxWaitTest, RampsAreMetAheadOfTime) {
  Plant plant{.promise_s = 2, .startup_s = 60};
  plant.Run(600, 5);
  double rate = 5;
  plant.longest_wait_s = 0;
  for (int i = 0; i < 1800; ++i) {
    rate += 0.02;
    plant.Tick(rate);
  }
  EXPECT_LT(plant.longest_wait_s, plant.promise_s);
}

TEST(MaxWaitTest, DepthAndBusyReplicasAreEnough) {
  for (const bool knows_running : {true, false}) {
    Plant plant{.counts = false, .knows_running = knows_running};
    plant.Run(1200, 10);
    plant.longest_wait_s = 0;
    plant.Run(1200, 10);
    EXPECT_LT(plant.longest_wait_s, plant.promise_s) << knows_running;
    EXPECT_LE(plant.count(), 60) << knows_running;
    plant.Run(3000, 0.5);
    EXPECT_LE(plant.count(), 10) << knows_running;
  }
}

TEST(MaxWaitTest, ALimitDownstreamStopsTheAdding) {
  Plant plant{.capacity = 10};
  plant.Run(600, 5);
  plant.Run(900, 11);
  EXPECT_EQ(plant.wish.held_by, "downstream limit") << plant.wish.formula;
  EXPECT_NE(plant.wish.held_detail.find("do no more work than"), std::string::npos) << plant.wish.held_detail;
  const int64_t stopped = plant.count();
  EXPECT_LT(stopped, 500);
  plant.Run(300, 11);
  EXPECT_EQ(plant.count(), stopped);
}

TEST(MaxWaitTest, NoLimitIsSeenWhereReplicasHelp) {
  Plant plant{.promise_s = 2, .startup_s = 30};
  plant.Run(600, 5);
  for (const double rate : {50, 5, 100, 20}) {
    for (int i = 0; i < 300; ++i) {
      plant.Tick(rate);
      ASSERT_NE(plant.wish.held_by, "downstream limit");
    }
  }
}

TEST(MaxWaitTest, AJobThatTakesTwiceAsLongIsFollowed) {
  Plant plant;
  plant.Run(600, 10);
  plant.service_s = 4;
  plant.Run(300, 10);
  plant.longest_wait_s = 0;
  plant.Run(600, 10);
  EXPECT_LT(plant.longest_wait_s, plant.promise_s);
}

TEST(MaxWaitTest, R2_1_AfterALongGapTheCountIsHeldAnew) {
  Plant plant;
  plant.Run(600, 20);
  const int64_t before = plant.count();
  plant.second += 900;
  plant.in_system = 0;
  plant.Run(plant.startup_s - 1, 0.5);
  EXPECT_GE(plant.count(), before);
}

TEST(MaxWaitTest, R4_2_UnknownHolds) {
  SignalSpec promise = Queue(0);
  promise.max_wait = absl::Seconds(30);
  Scene scene(1, 100, {promise}, 7, {NoDepth("no answer")});
  const DecideResult result = scene.Decide();
  EXPECT_EQ(result.decision.desired, 7);
  EXPECT_EQ(result.decision.reason, "SignalUnknown");
}

TEST(MaxWaitTest, DecidesAndExplainsThroughTheEngine) {
  SignalSpec promise = Queue(0);
  promise.max_wait = absl::Seconds(30);
  SignalInput depth = Depth(200);
  depth.load = WaitingLoad{.waiting = 200};
  Scene scene(1, 50, {promise}, 3, {depth});
  scene.spec.down = {};
  const DecideResult result = scene.Decide();
  EXPECT_GT(result.decision.desired, 3);
  EXPECT_LE(result.decision.desired, 50);
  EXPECT_EQ(result.decision.signals[0].target, 30);
  EXPECT_TRUE(result.due.has_value());
}

}  // namespace
}  // namespace drover::controller
