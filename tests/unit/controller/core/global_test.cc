#include "controller/core/global.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/core/plan.h"
#include "controller/core/probes.h"
#include "controller/core/rollout.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GlobalTest : public testing::Test {
 protected:
  GlobalTest() : probes_(builder_.model()) {
    for (const char* name : {"a", "b", "c"}) {
      builder_.AddNode(name);
    }
  }

  static ServiceSpec Spec() {
    ServiceSpec spec = ModelBuilder::Spec("mon");
    spec.global = true;
    spec.replicas = 0;
    return spec;
  }

  Model& model() { return builder_.model(); }

  Node& node(const std::string& name) { return model().nodes.at(NodeId(name)); }

  void Review(Service& service) {
    ReviewService(model(), probes_, service);
    model().TakeReviews();
  }

  void MakeReady(Service& service) {
    for (const ReplicaId id : service.replicas) {
      Replica& replica = model().replicas.at(id);
      if (IsActive(replica.state)) {
        replica.reported = ReplicaState::kReady;
        model().SetState(replica, ReplicaState::kReady);
      }
    }
  }

  // What is to leave is gone.
  void Finish(Service& service) {
    const std::vector<ReplicaId> ids(service.replicas.begin(), service.replicas.end());
    for (const ReplicaId id : ids) {
      Replica& replica = model().replicas.at(id);
      if (replica.state == ReplicaState::kDraining) {
        model().SetState(replica, ReplicaState::kStopping);
      }
      if (replica.state == ReplicaState::kStopping) {
        model().Erase(id);
      }
    }
  }

  // Nodes with an active replica, once each.
  std::vector<std::string> On(const Service& service) {
    std::vector<std::string> names;
    for (const auto& [id, node] : model().nodes) {
      for (const ReplicaId replica : node.replicas) {
        const Replica& found = model().replicas.at(replica);
        if (found.record.service == service.key && IsActive(found.state)) {
          names.push_back(id.value());
        }
      }
    }
    return names;
  }

  void Apply(Service& service, const ServiceSpec& spec) {
    service.spec = std::make_shared<const ServiceSpec>(spec);
  }

  ModelBuilder builder_;
  Probes probes_;
};

TEST_F(GlobalTest, OneOnEveryNode) {
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "b", "c"));
  EXPECT_EQ(mon.record.desired, 3);
  builder_.AddNode("d");
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(mon.record.desired, 4);
}

TEST_F(GlobalTest, NotWhereItMayNotBeNorCouldEverFit) {
  node("b").record.availability = NodeAvailability::kCordoned;
  builder_.AddNode("tiny", 100);
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "c"));
  EXPECT_EQ(mon.record.desired, 2);
  EXPECT_THAT(mon.blocked, IsEmpty());
}

TEST_F(GlobalTest, CordonedKeepsWhatItHasDrainingLosesIt) {
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  MakeReady(mon);
  node("a").record.availability = NodeAvailability::kCordoned;
  node("b").record.availability = NodeAvailability::kDraining;
  node("c").record.availability = NodeAvailability::kMaintenance;
  Review(mon);
  Finish(mon);
  EXPECT_THAT(On(mon), ElementsAre("a"));
  EXPECT_EQ(mon.record.desired, 1);
  for (const char* name : {"b", "c"}) {
    node(name).record.availability = NodeAvailability::kActive;
  }
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "b", "c"));
}

TEST_F(GlobalTest, LostWithItsNodeItIsStartedNowhereElse) {
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  MakeReady(mon);
  node("b").status = NodeStatus::kLost;
  const std::vector<ReplicaId> ids(mon.replicas.begin(), mon.replicas.end());
  for (const ReplicaId id : ids) {
    if (Replica& replica = model().replicas.at(id); replica.record.node == NodeId("b")) {
      model().SetState(replica, ReplicaState::kLost);
    }
  }
  model().now = model().now + absl::Minutes(10);
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "c"));
  EXPECT_EQ(mon.replicas.size(), 3u);
  EXPECT_EQ(mon.record.desired, 2);
  EXPECT_EQ(Count(model(), mon).active, 2);
  EXPECT_THAT(mon.blocked, IsEmpty());
}

TEST_F(GlobalTest, AFullNodeIsWaitedForWithTheReason) {
  ServiceSpec hog = ModelBuilder::Spec("hog");
  hog.reserved_cpu = MilliCpu(3800);
  builder_.AddReplica(builder_.AddService(hog), node("b"), ReplicaState::kReady);
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "c"));
  EXPECT_EQ(mon.record.desired, 3);
  ASSERT_EQ(mon.blocked.size(), 2u);
  EXPECT_EQ(mon.blocked[0], "pending: 1 of 3 nodes do not take it now: b: 0.2 CPU free, 0.5 CPU wanted");
  EXPECT_THAT(mon.blocked[1], HasSubstr("room is held by shop/hog (3.8 CPU"));
}

TEST_F(GlobalTest, ANewVersionGoesFromNodeToNode) {
  for (const bool stop_first : {false, true}) {
    ServiceSpec spec = Spec();
    spec.name = stop_first ? "stops" : "starts";
    spec.stop_first = stop_first;
    Service& mon = builder_.AddService(spec, 0);
    Review(mon);
    MakeReady(mon);
    spec.spec_hash = "v2";
    Apply(mon, spec);
    for (int round = 0; round < 12; ++round) {
      Review(mon);
      EXPECT_GE(On(mon).size(), stop_first ? 2u : 3u) << "round " << round;
      EXPECT_LE(On(mon).size(), stop_first ? 3u : 4u) << "round " << round;
      EXPECT_LE(Count(model(), mon).current - Count(model(), mon).current_ready, 1) << "round " << round;
      round % 2 == 0 ? Finish(mon) : MakeReady(mon);
    }
    EXPECT_EQ(Count(model(), mon).old, 0);
    EXPECT_THAT(On(mon), ElementsAre("a", "b", "c"));
  }
}

TEST_F(GlobalTest, AVersionThatDoesNotGetReadyStaysOnOneNode) {
  Service& mon = builder_.AddService(Spec(), 0);
  Review(mon);
  MakeReady(mon);
  ServiceSpec spec = Spec();
  spec.spec_hash = "v2";
  Apply(mon, spec);
  for (int round = 0; round < 5; ++round) {
    Review(mon);
  }
  EXPECT_EQ(Count(model(), mon).current, 1);
  EXPECT_EQ(Count(model(), mon).old, 3);
}

TEST_F(GlobalTest, WithoutRoomForTwoTheOldOneGoesFirst) {
  ServiceSpec spec = Spec();
  spec.reserved_cpu = MilliCpu(3000);
  Service& mon = builder_.AddService(spec, 0);
  Review(mon);
  MakeReady(mon);
  spec.spec_hash = "v2";
  Apply(mon, spec);
  for (int round = 0; round < 8; ++round) {
    Review(mon);
    EXPECT_GE(On(mon).size(), 2u);
    Finish(mon);
    Review(mon);
    MakeReady(mon);
  }
  EXPECT_EQ(Count(model(), mon).old, 0);
}

TEST_F(GlobalTest, EachNodeKeepsTheDataOfItsOwn) {
  ServiceSpec spec = Spec();
  spec.local_data = {"volume pos"};
  Service& mon = builder_.AddService(spec, 0);
  Review(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(mon.record.data_node.value().empty());
}

TEST_F(GlobalTest, FromACountToOneEachAndBack) {
  ServiceSpec spec = Spec();
  spec.global = false;
  Service& mon = builder_.AddService(spec, 5);
  Review(mon);
  MakeReady(mon);
  EXPECT_EQ(On(mon).size(), 5u);
  Apply(mon, Spec());
  Review(mon);
  Finish(mon);
  EXPECT_THAT(On(mon), ElementsAre("a", "b", "c"));
  mon.record.desired = 2;
  Apply(mon, spec);
  Review(mon);
  Finish(mon);
  EXPECT_EQ(On(mon).size(), 2u);
  EXPECT_FALSE(model().global.contains(mon.key));
}

}  // namespace
}  // namespace drover::controller
