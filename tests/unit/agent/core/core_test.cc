#include "agent/core/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/core/rig.h"

namespace drover::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = Action::Kind;
using S = ReplicaState;
using CS = Container::Status;

TEST(CoreTest, R3_1_FromAssignedToReady) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  ASSERT_TRUE(rig.ready.held.has_value()) << "R1.6: kept before it is acted upon";
  EXPECT_EQ(rig.ready.held->revision, Revision(1));
  EXPECT_EQ(rig.ready.held->boot_id, "boot1");
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kPull));
  EXPECT_EQ(rig.State(1), S::kPulling);
  rig.Done(1, Kind::kPull, std::nullopt, absl::Seconds(2));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kCreate));
  EXPECT_EQ(rig.ready.actions[0].image_id, "sha256:1");
  EXPECT_EQ(rig.State(1), S::kStarting);
  rig.Done(1, Kind::kCreate, Box(1, CS::kCreated));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStart));
  EXPECT_EQ(rig.ready.actions[0].container_id, "box1");
  rig.Done(1, Kind::kStart, Box(1));
  EXPECT_EQ(rig.State(1), S::kRunning);
  EXPECT_TRUE(rig.ready.report_now) << "R4.4";
  EXPECT_EQ(rig.ready.wake_at, rig.now + absl::Seconds(3));
  rig.After(3);
  EXPECT_EQ(rig.State(1), S::kReady);
  EXPECT_TRUE(rig.ready.report_now);
  EXPECT_EQ(rig.Status(1).pull, absl::Seconds(2));
  EXPECT_EQ(rig.Status(1).ready, absl::Seconds(3));
  EXPECT_FALSE(rig.After(1).report_now) << "no news";
}

TEST(CoreTest, NothingIsDoneBeforeTheEngineWasListed) {
  Rig rig;
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_THAT(rig.core->replicas(), IsEmpty());
  rig.List({Box(1)});
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_EQ(rig.State(1), S::kReady) << "adopted as it is";
}

TEST(CoreTest, R1_3_OnlyWhatIsInRemoveIsStopped) {
  Rig rig;
  rig.List({Box(1), Box(2), Box(3)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}, {Removal(2)}));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
  EXPECT_EQ(rig.ready.actions[0].replica, Id(2));
  ASSERT_EQ(rig.core->unknown().size(), 1U);
  EXPECT_EQ(rig.core->unknown()[0].container.replica, Id(3));
  rig.Assign(Full(2, {}, {}));
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "an empty assignment stops nothing";
  EXPECT_EQ(rig.core->unknown().size(), 3U);
}

TEST(CoreTest, R1_3_AContainerOfAnotherClusterIsLeftAlone) {
  Rig rig;
  Container foreign = Box(1);
  foreign.cluster = ClusterId("old");
  rig.List({foreign});
  rig.Connect();
  rig.Assign(Full(1, {}, {Removal(1)}));
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_EQ(rig.core->unknown().size(), 1U);
}

TEST(CoreTest, R5_4_StopRemoveConfirmed) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  Assignment a = Full(1, {}, {Removal(1)});
  a.contexts[0].stop_grace = absl::Minutes(5);
  rig.Assign(a);
  ASSERT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
  EXPECT_EQ(rig.ready.actions[0].grace, absl::ZeroDuration()) << "no spec held: the container's own";
  EXPECT_EQ(rig.State(1), S::kStopping);
  EXPECT_THAT(rig.core->removed(), IsEmpty());
  rig.Done(1, Kind::kStop, Exited(1, 0), absl::Seconds(4));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kRemove));
  rig.Done(1, Kind::kRemove, std::nullopt);
  EXPECT_THAT(rig.core->removed(), ElementsAre(Id(1)));
  EXPECT_EQ(rig.State(1), S::kGone);
  ASSERT_EQ(rig.ready.stops.size(), 1U);
  EXPECT_EQ(rig.ready.stops[0].result, StopResult::Result::kClean);
  EXPECT_EQ(rig.ready.stops[0].signal_to_exit, absl::Seconds(4));
  EXPECT_TRUE(rig.ready.report_now);
  rig.Assign(Delta(1, 2, {}, {}, {Id(1)}));
  EXPECT_THAT(rig.core->replicas(), IsEmpty());
}

TEST(CoreTest, R5_4_TheGraceIsTheServicesAndItsEndIsReported) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  Assignment a = Full(1, {Wanted(1)});
  a.contexts[0].stop_grace = absl::Seconds(60);
  rig.Assign(a);
  rig.Assign(Delta(1, 2, {}, {Removal(1)}));
  ASSERT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
  EXPECT_EQ(rig.ready.actions[0].grace, absl::Seconds(60));
  rig.Done(1, Kind::kStop, Exited(1, 137), absl::Seconds(60));
  rig.Done(1, Kind::kRemove, std::nullopt);
  ASSERT_EQ(rig.ready.stops.size(), 1U);
  EXPECT_EQ(rig.ready.stops[0].result, StopResult::Result::kTimedOut);
  EXPECT_EQ(rig.ready.stops[0].exit_code, 137);
}

TEST(CoreTest, R5_4_WhatWasNeverHereIsRemovedWithoutAStop) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {}, {Removal(1)}));
  EXPECT_THAT(rig.core->removed(), ElementsAre(Id(1)));
  EXPECT_THAT(rig.ready.stops, IsEmpty());
}

TEST(CoreTest, AFailedStopIsTriedAgain) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  rig.Assign(Full(1, {}, {Removal(1)}));
  rig.Fail(1, Kind::kStop, absl::DeadlineExceededError("stop took 20 s"));
  EXPECT_EQ(rig.Status(1).reason, "StopFailed");
  rig.After(1);
  rig.Done(1, Kind::kInspect, Box(1));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
}

TEST(CoreTest, R1_4_MassRemovalIsRefusedWholeAndShownUntilANewAssignmentComes) {
  Rig rig;
  rig.List({Box(1), Box(2), Box(3)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1), Wanted(2), Wanted(3)}));
  rig.Assign(Full(2, {Wanted(4)}, {Removal(1), Removal(2), Removal(3)}));
  EXPECT_THAT(rig.Reasons(), ElementsAre("MassRemovalRefused"));
  EXPECT_FALSE(rig.ready.need_full);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_EQ(rig.core->held().revision, Revision(1));
  rig.Connect();
  EXPECT_THAT(rig.Reasons(), ElementsAre("MassRemovalRefused")) << "still shown";
  rig.Assign(Full(3, {Wanted(1), Wanted(2), Wanted(3)}, {}));
  rig.Connect();
  EXPECT_THAT(rig.Reasons(), IsEmpty());
}

TEST(CoreTest, R1_5_ADeltaOnAnotherBaseAsksForTheWhole) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Delta(4, 5, {Wanted(1)}));
  EXPECT_TRUE(rig.ready.need_full);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_FALSE(rig.After(1).need_full) << "asked once per delta";
}

TEST(CoreTest, R1_2_AnOlderOrderIsRefusedByName) {
  Rig rig;
  rig.List();
  rig.Connect(7);
  rig.Assign(Full(1, {Wanted(1)}));
  EXPECT_THAT(rig.Reasons(), ElementsAre("StaleOrderRefused"));
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_EQ(rig.core->held().highest_epoch, Epoch(7));
}

TEST(CoreTest, R3_6_ACrashIsStartedAgainInTheSameContainerAfterItsBackOff) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.BringUp(1);
  for (const double delay : {1.0, 2.0, 4.0}) {
    rig.Changed(Exited(1, 1));
    EXPECT_EQ(rig.State(1), S::kStarting);
    EXPECT_EQ(rig.Status(1).retry_at, rig.now + absl::Seconds(delay));
    EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kInspect)) << "for the last log lines";
    rig.End(1, Kind::kInspect, absl::OkStatus(), "", Exited(1, 1), {}, "no such file");
    EXPECT_EQ(rig.Status(1).message, "exit code 1; last lines: no such file");
    rig.After(delay - 0.1);
    EXPECT_THAT(rig.Kinds(), IsEmpty());
    rig.After(0.1);
    ASSERT_THAT(rig.Kinds(), ElementsAre(Kind::kStart));
    EXPECT_EQ(rig.ready.actions[0].container_id, "box1");
    rig.Done(1, Kind::kStart, Box(1));
  }
  EXPECT_EQ(rig.Status(1).restarts, 3U);
}

TEST(CoreTest, R3_6_AProcessThatEndsBeforeTheStartReturnsIsACrash) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.Done(1, Kind::kPull, std::nullopt);
  rig.Done(1, Kind::kCreate, Box(1, CS::kCreated));
  rig.Done(1, Kind::kStart, Exited(1, 127));
  EXPECT_EQ(rig.State(1), S::kStarting);
  EXPECT_EQ(rig.Status(1).reason, "ExitedWithError");
  EXPECT_EQ(rig.ready.wake_at, rig.now + absl::Seconds(1));
}

TEST(CoreTest, R9_1_AFailedPullIsNamedAndTriedAgain) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.Fail(1, Kind::kPull, absl::NotFoundError("manifest unknown"));
  EXPECT_EQ(rig.State(1), S::kPulling);
  EXPECT_EQ(rig.Status(1).reason, "ImagePullFailed");
  EXPECT_EQ(rig.Status(1).message, "manifest unknown");
  EXPECT_EQ(rig.Status(1).restarts, 0U);
  EXPECT_THAT(rig.After(1).actions, testing::SizeIs(1));
  rig.Done(1, Kind::kPull, std::nullopt);
  EXPECT_EQ(rig.Status(1).reason, "");
}

TEST(CoreTest, WhatAnotherTryCannotMendIsFailed) {
  for (const char* reason : {"NameConflict", "PortInUse", "PolicyRefused"}) {
    Rig rig;
    rig.List();
    rig.Connect();
    rig.Assign(Full(1, {Wanted(1)}));
    rig.Done(1, Kind::kPull, std::nullopt);
    rig.Fail(1, Kind::kCreate, absl::FailedPreconditionError("taken"), reason);
    EXPECT_EQ(rig.State(1), S::kFailed);
    EXPECT_EQ(rig.Status(1).reason, reason);
    rig.After(1000);
    EXPECT_THAT(rig.Kinds(), IsEmpty());
    rig.Assign(Delta(1, 2, {}, {Removal(1)}));
    EXPECT_THAT(rig.core->removed(), ElementsAre(Id(1)));
  }
}

TEST(CoreTest, AnotherSpecUnderTheSameIdIsFailedAndNotTouched) {
  Rig rig;
  rig.List({Box(1, CS::kRunning, "s0")});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  EXPECT_EQ(rig.State(1), S::kFailed);
  EXPECT_EQ(rig.Status(1).reason, "SpecMismatch");
  EXPECT_THAT(rig.Kinds(), IsEmpty());
}

TEST(CoreTest, R3_7_WhatWasRemovedOrStoppedByHandIsStartedAgain) {
  Rig rig;
  rig.List({Box(1), Box(2)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1), Wanted(2)}));
  rig.Vanished(1);
  EXPECT_THAT(rig.Reasons(), ElementsAre("RemovedByHand"));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kPull));
  rig.Changed(Exited(2, 0), /*by_hand=*/true);
  EXPECT_THAT(rig.Reasons(), ElementsAre("RemovedByHand"));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStart)) << "at once";
}

TEST(CoreTest, R3_7_WhilePausedWhatAHandDidStays) {
  Rig rig;
  rig.List({Box(1), Box(2)});
  rig.Connect();
  std::vector<RunReplica> paused = {Wanted(1), Wanted(2)};
  paused[0].hands_off = paused[1].hands_off = true;
  rig.Assign(Full(1, paused));
  rig.Vanished(1);
  rig.Changed(Exited(2, 0), /*by_hand=*/true);
  EXPECT_THAT(rig.Reasons(), ElementsAre("RemovedByHand"));
  rig.After(60);
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "neither is started";
  EXPECT_EQ(rig.Status(1).reason, "RemovedByHand");
  EXPECT_EQ(rig.State(2), S::kStarting) << "it keeps its place: another one is not wanted";
  rig.Assign(Full(2, {Wanted(1), Wanted(2)}));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kPull, Kind::kStart)) << "resumed";
}

TEST(CoreTest, R3_7_WhilePausedWhatCrashesIsStartedAgain) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  RunReplica paused = Wanted(1);
  paused.hands_off = true;
  rig.Assign(Full(1, {paused}));
  rig.Changed(Exited(1, 3), /*by_hand=*/false);
  rig.Done(1, Kind::kInspect, Exited(1, 3));
  rig.After(2);
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStart));
}

TEST(CoreTest, R3_7_ARemovalByHandIsNoCrashHoweverItIsSeen) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  Container removing = Exited(1, 137);
  removing.status = Container::Status::kRemoving;
  rig.Changed(removing, /*by_hand=*/false);
  EXPECT_THAT(rig.Reasons(), ElementsAre("RemovedByHand"));
  rig.Vanished(1);
  EXPECT_THAT(rig.Reasons(), IsEmpty()) << "said once";
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kPull)) << "at once";
}

TEST(CoreTest, AListThatDiffersIsCheckedBeforeItIsBelieved) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.List({});
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kInspect));
  EXPECT_EQ(rig.State(1), S::kReady);
  rig.Done(1, Kind::kInspect, Box(1));
  EXPECT_EQ(rig.State(1), S::kReady);
  EXPECT_THAT(rig.Reasons(), IsEmpty());
  rig.List({});
  rig.Done(1, Kind::kInspect, std::nullopt);
  EXPECT_THAT(rig.Reasons(), ElementsAre("RemovedByHand"));
}

TEST(CoreTest, R3_8_WhileTheEngineIsAwayNothingIsTriedAndStatesStay) {
  Rig rig;
  rig.List({Box(1)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.Do(EngineReachable{.now = {}, .reachable = false, .error = "connection refused"});
  EXPECT_THAT(rig.Reasons(), ElementsAre("EngineUnreachable"));
  rig.Assign(Delta(1, 2, {Wanted(2)}, {Removal(1)}));
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  rig.Do(EngineReachable{.now = {}, .reachable = true, .error = ""});
  EXPECT_THAT(rig.Kinds(), UnorderedElementsAre(Kind::kStop, Kind::kPull));
}

TEST(CoreTest, R3_8_AnEngineThatGoesAwayDuringAStepIsNoFailureOfTheReplica) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.Fail(1, Kind::kPull, absl::UnavailableError("connection refused"));
  EXPECT_EQ(rig.Status(1).reason, "");
  EXPECT_EQ(rig.ready.wake_at, rig.now + absl::Seconds(1));
  EXPECT_THAT(rig.After(1).actions, testing::SizeIs(1));
}

TEST(CoreTest, R1_6_AfterABootAControllerIsWaitedFor) {
  Rig before;
  before.List();
  before.Connect();
  before.Assign(Full(1, {Wanted(1), Wanted(2)}));
  const HeldAssignment held = before.core->held();
  CoreOptions options;
  options.boot_id = "boot2";
  {
    Rig rig(options, held);
    rig.List({Exited(1, 255)});
    EXPECT_THAT(rig.Kinds(), IsEmpty());
    EXPECT_EQ(rig.Status(1).reason, "WaitsForController");
    EXPECT_EQ(rig.ready.wake_at, rig.now + absl::Seconds(30));
    rig.After(30);
    EXPECT_THAT(rig.Kinds(), UnorderedElementsAre(Kind::kStart, Kind::kPull));
    EXPECT_EQ(rig.ready.held->boot_id, "boot2") << "a restart of the process does not wait again";
  }
  Rig rig(options, held);
  rig.List({Exited(1, 255)});
  rig.Connect();
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "its orders count, not its voice";
  rig.Assign(Full(2, {Wanted(2)}, {Removal(1)}));
  EXPECT_THAT(rig.Kinds(), UnorderedElementsAre(Kind::kRemove, Kind::kPull));
}

TEST(CoreTest, R1_6_ARestartOfTheProcessGoesOnAtOnceAndRestartsNothing) {
  Rig before;
  before.List();
  before.Connect();
  before.Assign(Full(1, {Wanted(1), Wanted(2), Wanted(3)}));
  Rig rig({}, before.core->held());
  rig.List({Box(1), Exited(2, 1)});
  EXPECT_EQ(rig.State(1), S::kReady);
  EXPECT_THAT(rig.Kinds(), UnorderedElementsAre(Kind::kStart, Kind::kPull)) << "2 and 3";
}

Assignment Singleton(uint64_t revision) {
  Assignment a = Full(revision, {Wanted(1)});
  a.contexts[0].singleton = true;
  a.contexts[0].stop_grace = absl::Seconds(7);
  return a;
}

TEST(CoreTest, R7_2_ASingletonStopsWhenNoControllerIsHeard) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Singleton(1));
  rig.BringUp(1);
  rig.After(6);
  rig.Do(ControllerHeard{});
  rig.After(9.9);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  EXPECT_EQ(rig.ready.wake_at, rig.now + absl::Seconds(0.1));
  rig.After(0.1);
  ASSERT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
  EXPECT_EQ(rig.ready.actions[0].grace, absl::Seconds(7));
  rig.Done(1, Kind::kStop, Exited(1, 0));
  EXPECT_EQ(rig.Status(1).reason, "NoController");
  rig.After(100);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  rig.Connect();
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "it may have been replaced: the order decides";
  rig.Assign(Singleton(1));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStart));
}

TEST(CoreTest, R7_2_WhatComesAfterASilenceDoesNotKeepASingleton) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Singleton(1));
  rig.BringUp(1);
  rig.now = rig.now + absl::Seconds(30);  // the host was frozen; heartbeats waited in its kernel
  rig.Do(ControllerHeard{});
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStop));
  EXPECT_TRUE(rig.ready.need_full);
  rig.Done(1, Kind::kStop, Exited(1, 0));
  rig.Do(ControllerHeard{});
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "it may have been replaced: the order decides";
  EXPECT_FALSE(rig.ready.need_full) << "asked once";
  rig.Assign(Singleton(1));
  EXPECT_THAT(rig.Kinds(), ElementsAre(Kind::kStart));
  rig.Done(1, Kind::kStart, Box(1));
  rig.After(6);
  rig.Do(ControllerHeard{});
  rig.After(9.9);
  EXPECT_THAT(rig.Kinds(), IsEmpty()) << "the order began a new silence";
}

TEST(CoreTest, ANodeWithoutSingletonsMayBeSilentForLong) {
  Rig rig;
  rig.List();
  rig.Connect();
  rig.Assign(Full(1, {Wanted(1)}));
  rig.BringUp(1);
  rig.After(100);
  rig.Do(ControllerHeard{});
  EXPECT_FALSE(rig.ready.need_full);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
}

TEST(CoreTest, R7_3_ATaskIsCompletedOnceAlsoAfterARestartOfTheAgent) {
  Rig rig;
  rig.List();
  rig.Connect();
  Assignment a = Full(1, {Wanted(1)});
  a.contexts[0].task = true;
  a.contexts[0].restart = ServiceContext::Restart::kNever;
  rig.Assign(a);
  rig.BringUp(1);
  rig.Changed(Exited(1, 0));
  EXPECT_EQ(rig.State(1), S::kCompleted);
  Rig again({}, rig.core->held());
  again.List({Exited(1, 0)});
  EXPECT_EQ(again.State(1), S::kCompleted);
  EXPECT_THAT(again.Kinds(), IsEmpty());
}

TEST(CoreTest, R3_4_AReadyReplicaThatTurnsUnhealthyRunsOn) {
  Rig rig;
  rig.List();
  rig.Connect();
  Assignment a = Full(1, {Wanted(1)});
  a.contexts[0].has_ready_check = true;
  rig.Assign(a);
  EXPECT_FALSE(rig.Status(1).probe_ready);
  rig.BringUp(1);
  EXPECT_TRUE(rig.Status(1).probe_ready);
  rig.Do(ReadyProbed{.now = {}, .replica = Id(1), .ready = true, .detail = ""});
  EXPECT_EQ(rig.State(1), S::kReady);
  rig.Do(ReadyProbed{.now = {}, .replica = Id(1), .ready = false, .detail = "503"});
  EXPECT_EQ(rig.State(1), S::kRunning);
  EXPECT_TRUE(rig.ready.report_now);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
}

TEST(CoreTest, ParallelWorkIsBoundedAndRemovalsTakeTurnsWithStarts) {
  CoreOptions options;
  options.parallel_actions = 2;
  Rig rig(options);
  rig.List({Exited(1, 0), Exited(2, 0), Exited(3, 0)});
  rig.Connect();
  rig.Assign(
      Full(1, {Wanted(4), Wanted(5), Wanted(6)}, {Removal(1, true), Removal(2, true), Removal(3, true)}));
  EXPECT_THAT(rig.Kinds(),
              UnorderedElementsAre(Kind::kPull, Kind::kPull, Kind::kPull, Kind::kRemove, Kind::kRemove));
  rig.Done(4, Kind::kPull, std::nullopt);
  rig.Done(5, Kind::kPull, std::nullopt);
  EXPECT_THAT(rig.Kinds(), IsEmpty());
  rig.Done(1, Kind::kRemove, std::nullopt);
  rig.Done(2, Kind::kRemove, std::nullopt);
  std::vector<Kind> open;
  for (const Action& a : rig.open) {
    open.push_back(a.kind);
  }
  EXPECT_THAT(open, UnorderedElementsAre(Kind::kPull, Kind::kCreate, Kind::kRemove));
}

TEST(CoreTest, R3_8_LongStopsAndPullsDoNotHoldUpStarts) {
  CoreOptions options;
  options.parallel_actions = 1;
  options.parallel_pulls = 1;
  Rig rig(options);
  rig.List({Box(1), Box(2), Exited(4, 0)});
  rig.Connect();
  rig.Assign(Full(1, {Wanted(3), Wanted(4)}, {Removal(1), Removal(2)}));
  EXPECT_THAT(rig.Kinds(), UnorderedElementsAre(Kind::kStop, Kind::kStop, Kind::kPull, Kind::kStart));
}

}  // namespace
}  // namespace drover::agent
