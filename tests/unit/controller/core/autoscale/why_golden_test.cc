// The text of `drover why`, one file a situation under why/. DROVER_REWRITE=1 writes the files anew.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "controller/core/autoscale/conditions.h"
#include "tests/unit/controller/core/autoscale/decide_builder.h"

namespace drover::controller {
namespace {

void ExpectText(const Decision& decision, const std::string& name) {
  // Tests run in the source folder.
  const std::string path = "tests/unit/controller/core/autoscale/why/" + name + ".txt";
  const std::string text = ToText(decision);
  if (std::getenv("DROVER_REWRITE") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path << " is missing; DROVER_REWRITE=1 writes it:\n" << text;
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str());
}

TEST(WhyGoldenTest, ScaleUpByQueue) {
  ExpectText(Scene(1, 200, {Queue(10)}, 2, {Depth(120)}).Decide().decision, "scale_up_by_queue");
}

TEST(WhyGoldenTest, ScaleUpByCpuBesideAQuietQueue) {
  ExpectText(Scene(2, 40, {Cpu(60), Queue(10)}, 2, {CpuAt(2, 85), Depth(3)}).Decide().decision,
             "scale_up_by_cpu");
}

TEST(WhyGoldenTest, WithinTolerance) {
  ExpectText(Scene(2, 40, {Cpu(60)}, 4, {CpuAt(4, 63)}).Decide().decision, "within_tolerance");
}

TEST(WhyGoldenTest, ScaleDownStabilized) {
  ExpectText(Scene(1, 200, {Queue(10)}, 12, {Depth(15)}).Wished(40, 12).Decide().decision,
             "scale_down_stabilized");
}

TEST(WhyGoldenTest, ScaleDown) {
  ExpectText(Scene(1, 200, {Queue(10)}, 12, {Depth(15)}).Decide().decision, "scale_down");
}

TEST(WhyGoldenTest, ScaleUpLimit) {
  Scene scene(1, 200, {Queue(10)}, 12, {Depth(900)});
  scene.spec.up.policies = {{.unit = RatePolicy::Unit::kPercent, .amount = 50, .period = absl::Seconds(15)}};
  ExpectText(scene.Decide().decision, "scale_up_limit");
}

TEST(WhyGoldenTest, TooManyReplicas) {
  ExpectText(Scene(1, 20, {Queue(10)}, 12, {Depth(900)}).Decide().decision, "too_many_replicas");
}

TEST(WhyGoldenTest, QueueUnknown) {
  ExpectText(Scene(1, 20, {Cpu(60), Queue(10)}, 4, {CpuAt(4, 5), NoDepth("redis:6379: connection refused")})
                 .Decide()
                 .decision,
             "queue_unknown");
}

TEST(WhyGoldenTest, CpuWithMissingSamples) {
  SignalInput cpu = CpuAt(9, 90);
  cpu.replicas.push_back({.ready = true, .warming_up = false, .used = std::nullopt, .reserved = 1000});
  cpu.replicas.push_back({.ready = true, .warming_up = true, .used = 2000, .reserved = 1000});
  ExpectText(Scene(1, 40, {Cpu(60)}, 11, {cpu}).Decide().decision, "cpu_missing_samples");
}

TEST(WhyGoldenTest, IdleNotYet) {
  Scene scene(0, 200, {Queue(10)}, 1, {Depth(0)});
  ExpectText(scene.WorkedAgo(100).Decide().decision, "idle_not_yet");
}

TEST(WhyGoldenTest, IdleToZero) {
  Scene scene(0, 200, {Queue(10)}, 1, {Depth(0)});
  ExpectText(scene.WorkedAgo(300).Decide().decision, "idle_to_zero");
}

TEST(WhyGoldenTest, WokenFromZero) {
  ExpectText(Scene(0, 200, {Queue(10)}, 0, {Depth(1)}).Decide().decision, "woken_from_zero");
}

TEST(WhyGoldenTest, Paused) {
  Scene scene(1, 200, {Queue(10)}, 2, {Depth(120)});
  scene.input.paused = true;
  ExpectText(scene.Decide().decision, "paused");
}

TEST(WhyGoldenTest, Held) {
  Scene scene(1, 200, {Queue(10)}, 2, {Depth(120)});
  scene.input.held = 5;
  ExpectText(scene.Decide().decision, "held");
}

TEST(WhyGoldenTest, Blocked) {
  Scene scene(1, 200, {Queue(10)}, 5, {Depth(0)});
  scene.input.scale_down_blocked = true;
  scene.input.blocked_reason = "MassLossHold: 3 of 4 nodes are silent";
  ExpectText(scene.Decide().decision, "blocked");
}

TEST(WhyGoldenTest, DryRun) {
  Scene scene(1, 200, {Queue(10)}, 2, {Depth(120)});
  scene.spec.dry_run = true;
  ExpectText(scene.Decide().decision, "dry_run");
}

TEST(WhyGoldenTest, Idle) { ExpectText(Scene(1, 200, {Queue(10)}, 1, {Depth(0)}).Decide().decision, "idle"); }

TEST(WhyGoldenTest, ScaleDownLimit) {
  Scene scene(1, 200, {Queue(10)}, 40, {Depth(15)});
  scene.spec.down.policies = {{.amount = 2, .period = absl::Minutes(1)}};
  ExpectText(scene.Changed(20, -1).Decide().decision, "scale_down_limit");
}

TEST(WhyGoldenTest, AtMax) {
  ExpectText(Scene(1, 20, {Queue(10)}, 20, {Depth(900)}).Decide().decision, "at_max");
}

TEST(WhyGoldenTest, AtMin) {
  ExpectText(Scene(3, 20, {Queue(10)}, 3, {Depth(2)}).Decide().decision, "at_min");
}

TEST(WhyGoldenTest, EverySignalUnknown) {
  SignalInput cpu = CpuAt(4, 50);
  for (ReplicaUsage& replica : cpu.replicas) {
    replica.used.reset();
  }
  ExpectText(
      Scene(1, 20, {Cpu(60), Queue(10)}, 4, {cpu, NoDepth("no node can measure it")}).Decide().decision,
      "every_signal_unknown");
}

TEST(WhyGoldenTest, UpAlthoughOneOfTwoIsUnknown) {
  ExpectText(Scene(1, 20, {Cpu(60), Queue(10)}, 4, {CpuAt(4, 95), NoDepth("redis:6379: connection refused")})
                 .Decide()
                 .decision,
             "up_although_one_unknown");
}

TEST(WhyGoldenTest, Stale) {
  SignalInput stale = NoDepth("last measured 7.3s ago by worker-host-2");
  stale.age = absl::Milliseconds(7300);
  ExpectText(Scene(1, 20, {Queue(10)}, 4, {stale}).Decide().decision, "stale");
}

TEST(WhyGoldenTest, PausedForAnHour) {
  Scene scene(1, 200, {Queue(10)}, 2, {Depth(120)});
  scene.input.paused = true;
  scene.input.paused_until = scene.input.wall + absl::Minutes(42);
  ExpectText(scene.Decide().decision, "paused_for_an_hour");
}

TEST(WhyGoldenTest, ScaleDownPaused) {
  Scene scene(1, 200, {Queue(10)}, 12, {Depth(15)});
  scene.input.pause_down_only = true;
  ExpectText(scene.Decide().decision, "scale_down_paused");
}

TEST(WhyGoldenTest, UpAlthoughScaleDownIsPaused) {
  Scene scene(1, 200, {Queue(10)}, 2, {Depth(120)});
  scene.input.pause_down_only = true;
  ExpectText(scene.Decide().decision, "up_although_down_paused");
}

TEST(WhyGoldenTest, HeldExpiring) {
  Scene scene(1, 200, {Queue(10)}, 5, {Depth(120)});
  scene.input.held = 5;
  scene.input.held_until = scene.input.wall + absl::Seconds(90);
  ExpectText(scene.Decide().decision, "held_expiring");
}

TEST(WhyGoldenTest, NotSettled) {
  Scene scene(1, 200, {Queue(10)}, 5, {Depth(0)});
  scene.input.scale_down_blocked = true;
  scene.input.blocked_reason = "the controller has just started and not heard every node yet";
  ExpectText(scene.Decide().decision, "not_settled");
}

TEST(WhyGoldenTest, AfterARestart) {
  Scene scene(1, 200, {Queue(10)}, 12, {Depth(15)});
  scene.history.since = At(940);
  ExpectText(scene.Decide().decision, "after_a_restart");
}

TEST(WhyGoldenTest, FirstStart) {
  SignalInput starting;
  starting.replicas = {2, {.ready = false, .warming_up = false, .used = std::nullopt, .reserved = 1000}};
  ExpectText(Scene(2, 40, {Cpu(60)}, 2, {starting}).Decide().decision, "first_start");
}

TEST(WhyGoldenTest, BelowActivation) {
  ExpectText(Scene(0, 200, {Queue(10, 5)}, 0, {Depth(4)}).Decide().decision, "below_activation");
}

TEST(WhyGoldenTest, ManySignals) {
  SignalSpec mail = Queue(20);
  mail.queue = "mail";
  SignalSpec memory;
  memory.kind = SignalSpec::Kind::kMemory;
  memory.target = 80;
  ExpectText(
      Scene(2, 40, {Cpu(60), memory, Queue(10), mail}, 6, {CpuAt(6, 48), CpuAt(6, 91), Depth(83), Depth(20)})
          .Decide()
          .decision,
      "many_signals");
}

TEST(WhyGoldenTest, NoRoom) {
  Decision decision = Scene(1, 200, {Queue(10)}, 2, {Depth(35)}).Decide().decision;
  decision.blocked = {"pending: no node for 2 replicas: 3 nodes have too little CPU (1 CPU needed)"};
  NoteObstacle(decision, "NoRoom", decision.blocked[0]);
  ExpectText(decision, "no_room");
}

TEST(WhyGoldenTest, FailedReplicas) {
  Decision decision = Scene(1, 200, {Queue(10)}, 2, {Depth(15)}).Decide().decision;
  decision.blocked = {"CrashLoop: shop-web-2 on host1: exit code 1: no module named app"};
  NoteObstacle(decision, "ReplicasFailing", decision.blocked[0]);
  ExpectText(decision, "failed_replicas");
}

using Kind = SignalSpec::Kind;

TEST(WhyGoldenTest, ScaleUpByInFlight) {
  ExpectText(
      Scene(2, 40, {Cpu(60), PerReplica(Kind::kInFlight, 8)}, 4, {CpuAt(4, 40), Depth(90)}).Decide().decision,
      "scale_up_by_in_flight");
}

TEST(WhyGoldenTest, InFlightKnownOfOneEdgeOnly) {
  ExpectText(
      Scene(2, 40, {PerReplica(Kind::kInFlight, 8)}, 4, {AtLeast(20, "last measured 7.3s ago by lb-2")})
          .Decide()
          .decision,
      "in_flight_of_one_edge");
}

TEST(WhyGoldenTest, UpAlthoughOneEdgeIsSilent) {
  ExpectText(
      Scene(2, 40, {PerReplica(Kind::kInFlight, 8)}, 4, {AtLeast(90, "last measured 7.3s ago by lb-2")})
          .Decide()
          .decision,
      "up_although_one_edge_silent");
}

TEST(WhyGoldenTest, BalancerStartedAnew) {
  ExpectText(
      Scene(2, 40, {PerReplica(Kind::kRate, 100)}, 4, {NoDepth("not counted for long enough yet by lb-1")})
          .Decide()
          .decision,
      "balancer_started_anew");
}

TEST(WhyGoldenTest, ScaleUpByRate) {
  ExpectText(Scene(2, 40, {PerReplica(Kind::kRate, 100)}, 4, {Depth(612.4)}).Decide().decision,
             "scale_up_by_rate");
}

TEST(WhyGoldenTest, KpaByInFlight) {
  Scene scene(1, 40, {PerReplica(Kind::kInFlight, 7)}, 2, {Depth(60)});
  scene.spec.policy = AutoscaleSpec::Policy::kKpa;
  scene.spec.down = {};
  ExpectText(scene.Decide().decision, "kpa_by_in_flight");
}

TEST(WhyGoldenTest, ScaleUpByBacklog) {
  SignalInput backlog = BacklogAt(4, 6.5);
  backlog.replicas.push_back({});  // starting
  ExpectText(Scene(2, 40, {PerReplica(Kind::kBacklog, 2)}, 5, {backlog}).Decide().decision,
             "scale_up_by_backlog");
}

TEST(WhyGoldenTest, AnEmptyBacklogGivesUpAQuarter) {
  ExpectText(Scene(2, 40, {PerReplica(Kind::kBacklog, 2)}, 12, {BacklogAt(12, 0)}).Decide().decision,
             "empty_backlog");
}

TEST(WhyGoldenTest, ScaleUpByTotal) {
  ExpectText(Scene(1, 40, {QueueTotal(100)}, 4, {Depth(250)}).Decide().decision, "scale_up_by_total");
}

TEST(WhyGoldenTest, TotalWithoutAReadyReplica) {
  Scene scene(1, 40, {QueueTotal(100)}, 4, {Depth(250)});
  scene.input.ready = 0;
  ExpectText(scene.Decide().decision, "total_without_ready");
}

// After 100 s in which replicas had so many requests in hand, each of them for so long.
Scene LatencyScene(Duration target, double request_s, double running, double waiting) {
  Scene scene(2, 40, {Latency(0.95, target)}, 4, {Depth(running + waiting)});
  scene.spec.down = {};
  const Instant end = scene.input.now;
  for (int i = 0; i <= 100; ++i) {
    const double done = running / request_s * i;
    scene.input.now = end - absl::Seconds(100 - i);
    scene.input.signals[0].load = WaitingLoad{
        .waiting = waiting, .running = running, .arrivals = done + 100, .completions = done, .slots = 8};
    if (i < 100) {
      scene.history = scene.Decide().history;
    }
  }
  return scene;
}

TEST(WhyGoldenTest, Latency) {
  ExpectText(LatencyScene(absl::Milliseconds(200), 0.12, 30, 6).Decide().decision, "latency");
}

TEST(WhyGoldenTest, LatencyMeasured) {
  Scene scene = LatencyScene(absl::Milliseconds(200), 0.12, 30, 6);
  scene.input.signals[0].quantile =
      MeasuredQuantile{.quantile = 0.95, .answered_s = 0.18, .replica_s = 0.15, .requests = 1200};
  ExpectText(scene.Decide().decision, "latency_measured");
}

TEST(WhyGoldenTest, LatencyThatReplicasCannotKeep) {
  ExpectText(LatencyScene(absl::Milliseconds(200), 0.45, 20, 0).Decide().decision, "latency_too_long");
}

TEST(WhyGoldenTest, LatencyUnknown) {
  ExpectText(Scene(2, 40, {Latency(0.99, absl::Seconds(1))}, 4, {NoDepth("not measured yet by lb-1")})
                 .Decide()
                 .decision,
             "latency_unknown");
}

TEST(WhyGoldenTest, WithChoices) {
  Decision decision = Scene(1, 200, {Queue(10)}, 2, {Depth(35)}).Decide().decision;
  decision.choices = {
      {.replica = ReplicaId(0xa1b2c3d4e5f60718),
       .action = "start",
       .node = NodeId("5f3e9a1c2b4d6e80"),
       .why = "most free CPU: 3.5 of 4"},
      {.replica = ReplicaId(0x1), .action = "recall", .node = NodeId(), .why = "was draining"}};
  ExpectText(decision, "with_choices");
}

}  // namespace
}  // namespace drover::controller
