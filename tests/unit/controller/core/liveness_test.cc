#include "controller/core/liveness.h"

#include <gtest/gtest.h>

#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

Instant At(double seconds) { return Instant::FromNanoseconds(static_cast<int64_t>(seconds * 1e9)); }

TEST(DelayTest, R2_2_WhatCameLaterThanUsualIsOld) {
  Node node;
  node.delay_window = At(100);
  // The two clocks differ by 90 s; the line takes 10 to 20 ms.
  EXPECT_EQ(NoteDelay(node, At(100.02), At(10)), absl::ZeroDuration());
  EXPECT_EQ(NoteDelay(node, At(101.01), At(11)), absl::ZeroDuration());
  EXPECT_EQ(NoteDelay(node, At(107.01), At(12)), absl::Seconds(5)) << "one side was frozen for 5 s";
}

TEST(DelayTest, R2_2_TheSmallestDelayIsForgottenAfterTenMinutes) {
  Node node;
  node.delay_window = At(0);
  NoteDelay(node, At(1), At(1));
  NoteDelay(node, At(301), At(300));
  EXPECT_EQ(NoteDelay(node, At(302), At(301)), absl::Seconds(1));
  EXPECT_EQ(NoteDelay(node, At(602), At(601)), absl::ZeroDuration()) << "a slower line is the usual now";
}

// Lets time pass without a gap between ticks.
void Pass(Model& model, Node& node, Duration duration) {
  const Instant end = model.now + duration;
  while (model.now < end) {
    NoteTime(model, model.now + absl::Seconds(1));
    ReviewNode(model, node);
  }
}

TEST(LivenessTest, R2_3_SuspectThenLost) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& node = builder.AddNode("a");
  Pass(model, node, absl::Seconds(1));
  Hear(model, node, model.now);
  Pass(model, node, absl::Seconds(1));
  EXPECT_EQ(node.status, NodeStatus::kUp);
  Pass(model, node, absl::Seconds(1));
  EXPECT_EQ(node.status, NodeStatus::kSuspect);
  Pass(model, node, absl::Seconds(2));
  EXPECT_EQ(node.status, NodeStatus::kSuspect);
  Pass(model, node, absl::Seconds(1));
  EXPECT_EQ(node.status, NodeStatus::kLost);
  Hear(model, node, model.now);
  EXPECT_EQ(node.status, NodeStatus::kUp);
}

TEST(LivenessTest, R2_4_AfterAGapNobodyIsLostBeforeItsPatienceIsOver) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& live = builder.AddNode("a");
  Node& away = builder.AddNode("b");
  away.stream.reset();
  NoteTime(model, model.now + absl::Seconds(40));
  ReviewNode(model, live);
  ReviewNode(model, away);
  EXPECT_EQ(live.status, NodeStatus::kUp);
  EXPECT_EQ(away.status, NodeStatus::kUp);
  Pass(model, live, absl::Seconds(5));
  EXPECT_EQ(live.status, NodeStatus::kLost) << "a live stream has 5 s";
  Pass(model, away, absl::Seconds(54));
  EXPECT_EQ(away.status, NodeStatus::kSuspect);
  Pass(model, away, absl::Seconds(1));
  EXPECT_EQ(away.status, NodeStatus::kLost) << "who has not connected has 60 s";
}

TEST(LivenessTest, R2_3_AMissingNodesReplicasAreLostButItsDrainsAreOver) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& node = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& ready = builder.AddReplica(web, node, ReplicaState::kReady);
  Replica& draining = builder.AddReplica(web, node, ReplicaState::kDraining);
  Replica& stopping = builder.AddReplica(web, node, ReplicaState::kStopping);
  Pass(model, node, absl::Seconds(61));
  EXPECT_EQ(ready.state, ReplicaState::kLost);
  EXPECT_FALSE(ready.record.superseded);
  EXPECT_EQ(draining.state, ReplicaState::kLost);
  EXPECT_TRUE(draining.record.superseded) << "nobody wants it back";
  EXPECT_EQ(stopping.state, ReplicaState::kStopping) << "the tombstone stays (R1.3)";
}

TEST(LivenessTest, R7_2_ASingletonIsReplacedNoEarlierThanItsFence) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& node = builder.AddNode("a");
  ServiceSpec spec = ModelBuilder::Spec("beat");
  spec.singleton = true;
  Service& beat = builder.AddService(spec);
  Replica& replica = builder.AddReplica(beat, node, ReplicaState::kReady);
  const Instant last_word = node.last_word;
  Pass(model, node, absl::Seconds(61));
  std::string why;
  EXPECT_EQ(ReplaceAt(model, beat, replica, &why),
            std::max(node.lost_since + absl::Seconds(5), last_word + absl::Seconds(30)));
}

TEST(LivenessTest, R1_7_ASecondLiveStreamWithAnotherEngineIsRefused) {
  ModelBuilder builder;
  Model& model = builder.model();
  builder.AddNode("a").record.engine_id = "one";
  NodeConnected hello;
  hello.now = hello.sent = model.now;
  hello.node = NodeId("a");
  hello.stream = StreamId(2);
  hello.engine_id = "two";
  std::vector<Order> orders;
  Connect(model, hello, orders);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(std::get<Refuse>(orders[0].body).code, Refuse::Code::kNodeIdInUse);
  hello.engine_id = "one";
  orders.clear();
  Connect(model, hello, orders);
  EXPECT_TRUE(std::holds_alternative<Welcome>(orders.at(0).body)) << "the same host connects again";
}

TEST(LivenessTest, R1_3_AnOrphanIsToldOnceAndShown) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& node = builder.AddNode("a");
  FoundReplica found;
  found.id = ReplicaId(5);
  found.cluster = ClusterId("c1");
  SetOrphans(model, node, {found});
  SetOrphans(model, node, {found});
  EXPECT_EQ(node.orphans.size(), 1U);
  EXPECT_EQ(model.TakeEvents().size(), 1U);
  SetOrphans(model, node, {});
  EXPECT_TRUE(node.orphans.empty());
}

TEST(LivenessTest, R2_5_AWholeZoneIsMassSilence) {
  ModelBuilder builder;
  Model& model = builder.model();
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
    Node& node = builder.AddNode(name);
    node.record.labels = {{"zone", std::string(name) < "c" ? "east" : "west"}};
  }
  Pass(model, model.nodes.at(NodeId("a")), absl::Seconds(59));
  for (const char* name : {"c", "d", "e", "f", "g"}) {
    Hear(model, model.nodes.at(NodeId(name)), model.now);
  }
  Pass(model, model.nodes.at(NodeId("a")), absl::Seconds(2));
  EXPECT_FALSE(model.mass_hold_until.has_value()) << "one of seven";
  ReviewNode(model, model.nodes.at(NodeId("b")));
  EXPECT_TRUE(model.mass_hold_until.has_value()) << "all of zone east";
}

TEST(LivenessTest, AQuickReconnectHasItsQueuesReviewed) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& node = builder.AddNode("a");
  Stack& stack = model.stacks["shop"];
  stack.record.name = "shop";
  stack.record.spec.queues.emplace_back().name = "thumbs";
  model.TakeQueues();
  NodeConnected hello;
  hello.now = model.now;
  hello.node = node.record.id;
  hello.stream = StreamId(100);
  std::vector<Order> orders;
  Connect(model, hello, orders);
  EXPECT_EQ(node.status, NodeStatus::kUp);
  EXPECT_TRUE(model.TakeQueues().contains({"shop", "thumbs"}));
}

}  // namespace
}  // namespace drover::controller
