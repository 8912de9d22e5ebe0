#include "agent/core/replica.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/core/rig.h"

namespace drover::agent {
namespace {

constexpr BackoffRule kRule{.first = absl::Seconds(1),
                            .max = absl::Minutes(5),
                            .reset = absl::Minutes(10),
                            .readiness = absl::Seconds(3)};

TEST(ReplicaTest, R3_6_BackoffDoublesUpToFiveMinutes) {
  EXPECT_EQ(BackoffDelay(kRule, 1), absl::Seconds(1));
  EXPECT_EQ(BackoffDelay(kRule, 2), absl::Seconds(2));
  EXPECT_EQ(BackoffDelay(kRule, 5), absl::Seconds(16));
  EXPECT_EQ(BackoffDelay(kRule, 9), absl::Seconds(256));
  EXPECT_EQ(BackoffDelay(kRule, 10), absl::Minutes(5));
  EXPECT_EQ(BackoffDelay(kRule, 4000000000U), absl::Minutes(5));
}

using Restart = ServiceContext::Restart;

struct ExitCase {
  const char* what;
  int32_t code;
  bool task;
  Restart restart;
  uint32_t restart_max;
  uint32_t failures_before;
  Ended ended;
};

TEST(ReplicaTest, R3_6_R7_3_WhatAnExitMeans) {
  const ExitCase cases[] = {
      {"a service starts again, whatever the code", 0, false, Restart::kAlways, 0, 0, Ended::kNo},
      {"a crash starts again", 1, false, Restart::kAlways, 0, 7, Ended::kNo},
      {"a task that exits 0 is completed", 0, true, Restart::kNever, 0, 0, Ended::kCompleted},
      {"a task that fails is failed", 3, true, Restart::kNever, 0, 0, Ended::kFailed},
      {"on-failure: again", 3, true, Restart::kOnFailure, 3, 2, Ended::kNo},
      {"on-failure: attempts used up", 3, true, Restart::kOnFailure, 3, 3, Ended::kFailed},
      {"on-failure: 0 is the end", 0, false, Restart::kOnFailure, 0, 0, Ended::kCompleted},
  };
  for (const ExitCase& c : cases) {
    ServiceContext context = Spec();
    context.task = c.task;
    context.restart = c.restart;
    context.restart_max = c.restart_max;
    Replica r;
    r.failures = c.failures_before;
    NoteExit(r, Exited(1, c.code), &context, kRule, At(50));
    EXPECT_EQ(r.ended, c.ended) << c.what;
    EXPECT_EQ(r.retry_at.has_value(), c.ended == Ended::kNo) << c.what;
    EXPECT_EQ(r.exit_code, c.code) << c.what;
  }
}

TEST(ReplicaTest, R3_6_TheUsersDelayIsTheLeast) {
  ServiceContext context = Spec();
  context.restart_delay = absl::Seconds(5);
  Replica r;
  NoteExit(r, Exited(1, 1), &context, kRule, At(50));
  EXPECT_EQ(*r.retry_at - At(50), absl::Seconds(5)) << "instead of 1 s";
  r.failures = 9;
  NoteExit(r, Exited(1, 1), &context, kRule, At(50));
  EXPECT_EQ(*r.retry_at - At(50), BackoffDelay(kRule, 10)) << "by then the back-off is longer";
}

TEST(ReplicaTest, R3_6_TheReasonNamesMemorySignalAndCode) {
  Replica r;
  NoteExit(r, Exited(1, 137, true), nullptr, kRule, At(50));
  EXPECT_EQ(r.reason, "OutOfMemory");
  EXPECT_EQ(r.message, "killed for lack of memory, exit code 137");
  NoteExit(r, Exited(1, 139), nullptr, kRule, At(50));
  EXPECT_EQ(r.reason, "ExitedWithError");
  EXPECT_EQ(r.message, "ended by signal 11, exit code 139");
}

TEST(ReplicaTest, R3_6_TenMinutesOfHealthStartTheCountAgain) {
  Replica r;
  r.failures = 6;
  r.ready_since = At(100);
  NoteExit(r, Exited(1, 1), nullptr, kRule, At(100 + 599));
  EXPECT_EQ(r.failures, 7U);
  r.ready_since = At(100);
  NoteExit(r, Exited(1, 1), nullptr, kRule, At(100 + 600));
  EXPECT_EQ(r.failures, 1U);
  EXPECT_EQ(r.retry_at, At(701));
}

TEST(ReplicaTest, R3_4_TheFirstCheckThatExistsDecides) {
  ServiceContext context = Spec();
  Replica r;
  Believe(r, Box(1), At(100));
  EXPECT_FALSE(IsReady(r, context, kRule, At(102.9)));
  EXPECT_TRUE(IsReady(r, context, kRule, At(103)));
  context.has_ready_check = true;
  EXPECT_FALSE(IsReady(r, context, kRule, At(200)));
  r.probed_ready = true;
  EXPECT_TRUE(IsReady(r, context, kRule, At(200)));
  context.has_healthcheck = true;
  EXPECT_FALSE(IsReady(r, context, kRule, At(200)));
  r.container->health = "healthy";
  EXPECT_TRUE(IsReady(r, context, kRule, At(200)));
  r.container->status = Container::Status::kPaused;
  EXPECT_FALSE(IsReady(r, context, kRule, At(200))) << "a frozen process answers nobody";
}

}  // namespace
}  // namespace drover::agent
