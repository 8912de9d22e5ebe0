#include "controller/core/model.h"

#include <gtest/gtest.h>

#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

TEST(ModelTest, R3_2_IdsAreNeverZeroAndNeverTwice) {
  ModelBuilder builder;
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  std::set<ReplicaId> ids;
  for (uint32_t i = 1; i <= 100; ++i) {
    const ReplicaId id = builder.model().AddReplica(web, i).record.id;
    EXPECT_NE(id.value(), 0U);
    EXPECT_TRUE(ids.insert(id).second);
  }
}

TEST(ModelTest, R3_1_IllegalStepsAreBrokenInvariants) {
  ModelBuilder builder;
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& replica = builder.AddReplica(web, builder.AddNode("a"), ReplicaState::kStopping);
  EXPECT_DEATH(builder.model().SetState(replica, ReplicaState::kReady), "check failed");
}

TEST(ModelTest, R1_8_OnlyTheControllersOwnStepsAreStored) {
  ModelBuilder builder;
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& replica = builder.AddReplica(web, builder.AddNode("a"), ReplicaState::kStarting);
  builder.model().TakeChanges();
  builder.model().SetState(replica, ReplicaState::kReady);
  EXPECT_TRUE(builder.model().TakeChanges().empty());
  EXPECT_EQ(replica.record.state, ReplicaState::kAssigned);
  builder.model().SetState(replica, ReplicaState::kDraining);
  const std::vector<StoreChange> changes = builder.model().TakeChanges();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(std::get<ReplicaRecord>(changes[0]).state, ReplicaState::kDraining);
}

TEST(ModelTest, R3_3_DrainingHoldsItsReservationUntilItIsGone) {
  ModelBuilder builder;
  Node& node = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Replica& replica = builder.AddReplica(web, node, ReplicaState::kDraining);
  EXPECT_EQ(node.reserved.cpu, MilliCpu(500));
  builder.model().SetState(replica, ReplicaState::kStopping);
  EXPECT_EQ(node.reserved.cpu, MilliCpu(500));
  builder.model().Erase(replica.record.id);
  EXPECT_EQ(node.reserved, Resources());
}

TEST(ModelTest, NumbersAreReusedLowestFirstExceptTakenNames) {
  ModelBuilder builder;
  Node& node = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  const ReplicaId first = builder.AddReplica(web, node, ReplicaState::kReady).record.id;
  builder.AddReplica(web, node, ReplicaState::kReady);
  builder.model().Erase(first);
  EXPECT_EQ(builder.model().FreeNumber(web), 1U);
  web.taken_numbers = {1, 3};
  EXPECT_EQ(builder.model().FreeNumber(web), 4U);
}

TEST(ModelTest, TimersOfOneThingCollapseIntoTheEarliest) {
  ModelBuilder builder;
  Model& model = builder.model();
  const ServiceKey key{"shop", "web"};
  model.WakeService(key, model.now + absl::Seconds(5));
  model.WakeService(key, model.now + absl::Seconds(2));
  model.WakeService(key, model.now + absl::Seconds(9));
  EXPECT_EQ(model.NextDue(), model.now + absl::Seconds(2));
  model.now = model.now + absl::Seconds(3);
  EXPECT_EQ(model.TakeDue().size(), 1U);
  EXPECT_EQ(model.NextDue(), std::nullopt);
}

}  // namespace
}  // namespace drover::controller
