#include "controller/core/rollout.h"

#include <gtest/gtest.h>

#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

struct Case {
  const char* name;
  bool stop_first;
  bool pinned;
  int64_t desired;
  Census census;
  int64_t start;
  int64_t stop;
  int64_t stop_unready = 0;
};

// active, current, current_ready, old, leaving, away, failed
constexpr Case kCases[] = {
    {"nothing_to_do", false, false, 2, {2, 2, 2, 0, 0, 0, 0}, 0, 0},
    {"scale_up", false, false, 5, {2, 2, 2, 0, 0, 0, 0}, 3, 0},
    {"scale_down", false, false, 1, {4, 4, 4, 0, 0, 0, 0}, 0, 3},
    {"start_first_adds_one", false, false, 3, {3, 0, 0, 3, 0, 0, 0}, 1, 0},
    {"start_first_waits_until_ready", false, false, 3, {4, 1, 0, 3, 0, 0, 0}, 0, 0},
    {"start_first_then_stops_one", false, false, 3, {4, 1, 1, 3, 0, 0, 0}, 0, 1},
    {"start_first_goes_on", false, false, 3, {3, 1, 1, 2, 1, 0, 0}, 1, 0},
    {"start_first_lost_ones_are_made_up_for", false, false, 3, {2, 1, 0, 1, 0, 0, 0}, 1, 0},
    {"start_first_with_less_wanted", false, false, 1, {4, 1, 0, 3, 0, 0, 0}, 0, 2},
    {"start_first_with_less_wanted_than_start", false, false, 1, {4, 3, 0, 1, 0, 0, 0}, 0, 0, 2},
    {"start_first_with_less_wanted_of_both", false, false, 2, {7, 4, 1, 3, 0, 0, 0}, 0, 2, 2},
    {"start_first_to_zero", false, false, 0, {2, 0, 0, 2, 0, 0, 0}, 0, 2},
    {"stop_first_stops_one", true, false, 3, {3, 0, 0, 3, 0, 0, 0}, 0, 1},
    {"stop_first_starts_in_its_place", true, false, 3, {2, 0, 0, 2, 1, 0, 0}, 1, 0},
    {"stop_first_waits_until_ready", true, false, 3, {3, 1, 0, 2, 0, 0, 0}, 0, 0},
    {"stop_first_waits_until_gone", true, false, 3, {3, 1, 1, 2, 1, 0, 0}, 0, 0},
    {"pinned_never_two", false, true, 1, {1, 0, 0, 1, 0, 0, 0}, 0, 1},
    {"pinned_waits_until_gone", false, true, 1, {0, 0, 0, 0, 1, 0, 0}, 0, 0},
    {"pinned_waits_for_one_that_is_away", false, true, 1, {0, 0, 0, 0, 0, 1, 0}, 0, 0},
    {"pinned_starts_when_gone", false, true, 1, {0, 0, 0, 0, 0, 0, 1}, 1, 0},
};

class NextMovesTest : public testing::TestWithParam<Case> {};

TEST_P(NextMovesTest, OneReplicaAtATime) {
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.stop_first = GetParam().stop_first;
  if (GetParam().pinned) {
    spec.local_data = {"data"};
  }
  const Moves moves = NextMoves(spec, GetParam().desired, GetParam().census);
  EXPECT_EQ(moves.start, GetParam().start);
  EXPECT_EQ(moves.stop, GetParam().stop);
  EXPECT_EQ(moves.stop_unready, GetParam().stop_unready);
}

INSTANTIATE_TEST_SUITE_P(Table, NextMovesTest, testing::ValuesIn(kCases),
                         [](const auto& param) { return param.param.name; });

TEST(GateTest, R7_3_DependsOnGatesOnlyTheFirstStartEver) {
  ModelBuilder builder;
  ServiceSpec web = ModelBuilder::Spec("web");
  web.depends_on = {{"db", DependencySpec::Condition::kHealthy}};
  builder.AddService(ModelBuilder::Spec("db"));
  Service& service = builder.AddService(web);
  EXPECT_EQ(GateOf(builder.model(), service, {}), "waits for db to be ready");
  service.record.next_number = 2;
  EXPECT_EQ(GateOf(builder.model(), service, {}), "");
}

TEST(GateTest, R7_3_AFailedTaskSaysItsExitCodeAndLastLines) {
  ModelBuilder builder;
  ServiceSpec migrate = ModelBuilder::Spec("migrate");
  migrate.task = migrate.before_rollout = true;
  Service& task = builder.AddService(migrate);
  Replica& run = builder.AddReplica(task, builder.AddNode("a"), ReplicaState::kFailed);
  run.detail.exit_code = 3;
  run.detail.reason = "ExitedWithError";
  run.detail.message = "no such column";
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  EXPECT_EQ(GateOf(builder.model(), web, {}),
            "TaskFailed: migrate exited with code 3 (ExitedWithError): no such column");
  const Census running{.active = 1, .current = 1, .current_ready = 1, .newest = 1};
  EXPECT_EQ(GateOf(builder.model(), web, running), "") << "what already has the newest spec may be scaled";
}

TEST(GateTest, R7_3_WhatATaskNeedsDoesNotWaitForIt) {
  ModelBuilder builder;
  ServiceSpec migrate = ModelBuilder::Spec("migrate");
  migrate.task = migrate.before_rollout = true;
  migrate.depends_on = {{"db", DependencySpec::Condition::kStarted}};
  builder.AddService(migrate);
  Service& db = builder.AddService(ModelBuilder::Spec("db"));
  EXPECT_EQ(GateOf(builder.model(), db, {}), "");
}

}  // namespace
}  // namespace drover::controller
