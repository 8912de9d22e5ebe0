#include "controller/core/plan.h"

#include <gtest/gtest.h>

#include "controller/core/admit.h"
#include "controller/core/backends.h"
#include "controller/core/drain.h"
#include "controller/core/signals.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

void SetBusy(const Model& model, Replica& replica, int64_t busy) {
  ReplicaSample sample;
  sample.busy = busy;
  replica.sample = sample;
  replica.sampled = model.now;
}

TEST(StopOrderTest, R5_1_StartingUnreadyIdleUnknownBusy) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& busy = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& busier = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& unknown = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& idle = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& running = builder.AddReplica(web, a, ReplicaState::kRunning);
  Replica& starting = builder.AddReplica(web, a, ReplicaState::kStarting);
  Replica& former = builder.AddReplica(web, a, ReplicaState::kReady);
  former.record.spec_hash = "web-0";
  SetBusy(builder.model(), busy, 1);
  SetBusy(builder.model(), busier, 3);
  SetBusy(builder.model(), idle, 0);
  const std::vector<ReplicaId> expected = {former.record.id, starting.record.id, running.record.id,
                                           idle.record.id,   unknown.record.id,  busy.record.id,
                                           busier.record.id};
  EXPECT_EQ(StopOrderOf(builder.model(), web), expected);
}

TEST(StopOrderTest, R5_1_TheSpreadIsKeptThenTheYoungerGoes) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  Node& b = builder.AddNode("b");
  Model& model = builder.model();
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  const ReplicaId old_a = builder.AddReplica(web, a, ReplicaState::kReady).record.id;
  model.now = model.now + absl::Seconds(1);
  const ReplicaId young_a = builder.AddReplica(web, a, ReplicaState::kReady).record.id;
  model.now = model.now + absl::Seconds(1);
  const ReplicaId only_b = builder.AddReplica(web, b, ReplicaState::kReady).record.id;
  EXPECT_EQ(StopOrderOf(model, web), (std::vector<ReplicaId>{young_a, only_b, old_a}));
}

TEST(TaskTest, R7_3_FewerRunsWantedStopsThoseThatHaveNotCompleted) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& a = builder.AddNode("a");
  ServiceSpec spec = ModelBuilder::Spec("migrate");
  spec.task = true;
  Service& task = builder.AddService(spec, 4);
  const ReplicaId completed = builder.AddReplica(task, a, ReplicaState::kCompleted).record.id;
  const ReplicaId running = builder.AddReplica(task, a, ReplicaState::kRunning).record.id;
  const ReplicaId starting = builder.AddReplica(task, a, ReplicaState::kStarting).record.id;
  builder.AddReplica(task, a, ReplicaState::kPulling);
  const Probes probes(model);
  ReviewService(model, probes, task);
  EXPECT_EQ(task.in(ReplicaState::kStopping), 0) << "as many as are wanted";
  task.record.desired = 2;
  ReviewService(model, probes, task);
  EXPECT_EQ(model.replicas.at(completed).state, ReplicaState::kCompleted);
  EXPECT_EQ(model.replicas.at(running).state, ReplicaState::kRunning);
  EXPECT_EQ(model.replicas.at(starting).state, ReplicaState::kStopping);
  EXPECT_EQ(task.in(ReplicaState::kStopping), 2);
  EXPECT_EQ(task.record.task_revision_done, 0U) << "one is still at it";
}

class RecallTest : public ::testing::TestWithParam<std::pair<ReplicaState, bool>> {};

TEST_P(RecallTest, R3_1_OnlyAProcessThatRunsIsNeededAgain) {
  const auto& [reported, recalled] = GetParam();
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.listeners.emplace_back().port = 80;
  Service& web = builder.AddService(spec);
  builder.AddNode("lb");  // it has confirmed nothing, which keeps the replica draining
  builder.model().edges.insert(NodeId("lb"));
  Replica& replica = builder.AddReplica(web, a, ReplicaState::kDraining);
  replica.reported = reported;
  const Probes probes(builder.model());
  ReviewService(builder.model(), probes, web);
  EXPECT_EQ(replica.state, recalled ? reported : ReplicaState::kDraining);
}

INSTANTIATE_TEST_SUITE_P(
    Reported, RecallTest,
    ::testing::Values(std::pair(ReplicaState::kReady, true), std::pair(ReplicaState::kRunning, true),
                      std::pair(ReplicaState::kStarting, true), std::pair(ReplicaState::kWarm, false),
                      std::pair(ReplicaState::kThawing, false), std::pair(ReplicaState::kFailed, false),
                      std::pair(ReplicaState::kCompleted, false)));

TEST(AdmitTest, R1_4_NeverMoreThanHalfOfANodeUnlessAsked) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  std::vector<Replica*> replicas;
  for (int i = 0; i < 8; ++i) {
    replicas.push_back(&builder.AddReplica(web, a, ReplicaState::kReady));
  }
  Model& model = builder.model();
  int admitted = 0;
  for (Replica* replica : replicas) {
    if (AdmitStop(model, a, *replica)) {
      model.SetState(*replica, ReplicaState::kStopping);
      ++admitted;
    }
  }
  EXPECT_EQ(admitted, 4);
  EXPECT_TRUE(a.waiting_to_stop.contains(web.key));
  replicas.back()->record.operator_change = true;
  EXPECT_TRUE(AdmitStop(model, a, *replicas.back()));
}

TEST(AdmitTest, R1_4_TwoAreAlwaysFree) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& one = builder.AddReplica(web, a, ReplicaState::kReady);
  Replica& two = builder.AddReplica(web, a, ReplicaState::kReady);
  EXPECT_TRUE(AdmitStop(builder.model(), a, one));
  builder.model().SetState(one, ReplicaState::kStopping);
  EXPECT_TRUE(AdmitStop(builder.model(), a, two));
}

TEST(DrainTest, R5_2_WhatWasNeverReadyNeedsNoEdge) {
  ModelBuilder builder;
  Node& a = builder.AddNode("a");
  builder.AddNode("lb").record.edge = true;
  builder.model().edges.insert(NodeId("lb"));
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.listeners.emplace_back();
  Service& web = builder.AddService(spec);
  Replica& fresh = builder.AddReplica(web, a, ReplicaState::kStarting);
  Replica& ready = builder.AddReplica(web, a, ReplicaState::kReady);
  BeginStop(builder.model(), fresh.record.id, {.reason = "ScaleDown"});
  BeginStop(builder.model(), ready.record.id, {.reason = "ScaleDown"});
  EXPECT_EQ(fresh.state, ReplicaState::kStopping);
  EXPECT_EQ(ready.state, ReplicaState::kDraining);
}

TEST(DrainTest, R5_2_WithoutEdgesAStopGoesOnAtOnce) {
  ModelBuilder builder;
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.listeners.emplace_back();
  Service& web = builder.AddService(spec);
  Replica& ready = builder.AddReplica(web, builder.AddNode("a"), ReplicaState::kReady);
  BeginStop(builder.model(), ready.record.id, {.reason = "ScaleDown"});
  EXPECT_EQ(ready.state, ReplicaState::kStopping);
}

TEST(BackendsTest, R6_5_Slots) {
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.replicas = 2;
  EXPECT_EQ(SlotsFor(spec, 2), 5U);
  EXPECT_EQ(SlotsFor(spec, 9), 12U) << "scaled by hand";
  spec.autoscale = AutoscaleSpec();
  spec.autoscale->max = 40;
  EXPECT_EQ(SlotsFor(spec, 2), 47U) << "ceil(41 x 1.1) + 1, whatever the count is now";
}

// One replica behind a listener; what the set says in each state.
struct RoutedCase {
  ReplicaState state;
  bool listed;
  bool drain;

  // What the names of the tests end with; without it, bytes.
  friend void PrintTo(const RoutedCase& routed, std::ostream* out) { *out << ToString(routed.state); }
};

class RoutedTest : public testing::TestWithParam<RoutedCase> {};

TEST_P(RoutedTest, R6_1_WhoIsInTheSet) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& a = builder.AddNode("a");
  Node& lb = builder.AddNode("lb");
  lb.record.edge = true;
  model.edges.insert(NodeId("lb"));
  model.settled = true;
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.routed_ports = {80};
  ListenerSpec listener;
  listener.target = 80;
  spec.listeners = {listener};
  Service& web = builder.AddService(spec);
  Replica& replica = model.AddReplica(web, 1);
  model.Bind(replica, a, {{80, 20000}});
  Backends backends(model);
  std::vector<Order> orders;
  // Ready first: nothing that is not ready enters, so what the set says of other states is who stays.
  if (IsLegalStep(ReplicaState::kReady, GetParam().state)) {
    model.SetState(replica, ReplicaState::kReady);
    model.BackendsChanged(web.key);
    backends.Review(orders);
  }
  model.SetState(replica, GetParam().state);
  model.BackendsChanged(web.key);
  backends.Review(orders);
  ASSERT_EQ(web.sets.size(), 1U);
  ASSERT_EQ(web.sets[0].backends.size(), GetParam().listed ? 1U : 0U);
  if (GetParam().listed) {
    EXPECT_EQ(web.sets[0].backends[0], (Backend{replica.record.id, "address-of-a", 20000, GetParam().drain}));
  }
}

INSTANTIATE_TEST_SUITE_P(States, RoutedTest,
                         testing::Values(RoutedCase{ReplicaState::kReady, true, false},
                                         RoutedCase{ReplicaState::kStarting, false, false},
                                         // R2.6: all of the service unhealthy together stay in.
                                         RoutedCase{ReplicaState::kRunning, true, false},
                                         RoutedCase{ReplicaState::kDraining, true, true},
                                         RoutedCase{ReplicaState::kStopping, true, true},
                                         RoutedCase{ReplicaState::kFailed, false, false},
                                         RoutedCase{ReplicaState::kLost, false, false}),
                         [](const auto& param) { return std::string(ToString(param.param.state)); });

TEST(SignalsTest, R4_1_AStaleSampleIsMissingNotZero) {
  ModelBuilder builder;
  Model& model = builder.model();
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.autoscale = AutoscaleSpec();
  spec.autoscale->signals.push_back({.kind = SignalSpec::Kind::kCpu, .queue = "", .target = 60});
  Service& web = builder.AddService(spec);
  Replica& replica = builder.AddReplica(web, builder.AddNode("a"), ReplicaState::kReady);
  ReplicaSample sample;
  sample.cpu_milli = 250;
  replica.sample = sample;
  replica.sampled = model.now;
  const Probes probes(model);
  std::optional<Instant> next;
  std::vector<SignalInput> inputs = MakeSignals(model, probes, web, &next);
  ASSERT_EQ(inputs.at(0).replicas.size(), 1U);
  EXPECT_EQ(inputs[0].replicas[0].used, 250);
  EXPECT_EQ(inputs[0].replicas[0].reserved, 500);
  EXPECT_TRUE(inputs[0].replicas[0].warming_up) << "R4.5";
  EXPECT_EQ(next, model.now + absl::Milliseconds(3001));
  model.now = *next;
  EXPECT_EQ(MakeSignals(model, probes, web, &next).at(0).replicas[0].used, std::nullopt);
}

TEST(SignalsTest, R4_2_ALostReplicaCountsAsAMissingSample) {
  ModelBuilder builder;
  ServiceSpec spec = ModelBuilder::Spec("web");
  spec.autoscale = AutoscaleSpec();
  spec.autoscale->signals.push_back({.kind = SignalSpec::Kind::kCpu, .queue = "", .target = 60});
  Service& web = builder.AddService(spec);
  Replica& replica = builder.AddReplica(web, builder.AddNode("a"), ReplicaState::kReady);
  builder.model().SetState(replica, ReplicaState::kLost);
  const Probes probes(builder.model());
  std::optional<Instant> next;
  const std::vector<SignalInput> inputs = MakeSignals(builder.model(), probes, web, &next);
  ASSERT_EQ(inputs.at(0).replicas.size(), 1U);
  EXPECT_TRUE(inputs[0].replicas[0].ready);
  EXPECT_EQ(inputs[0].replicas[0].used, std::nullopt);
}

}  // namespace
}  // namespace drover::controller
