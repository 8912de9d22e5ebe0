#include "controller/core/availability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/core/place.h"
#include "controller/core/rollout.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

using ::testing::HasSubstr;

ServiceSpec Pinned(const std::string& name) {
  ServiceSpec spec = ModelBuilder::Spec(name);
  spec.local_data = {"pg:/data"};
  return spec;
}

TEST(AvailabilityTest, WhoTakesWhat) {
  struct Row {
    NodeAvailability availability;
    const char* others;
    const char* its_own_data;
  };

  for (const Row& row :
       {Row{NodeAvailability::kActive, "", ""}, Row{NodeAvailability::kCordoned, "cordoned", ""},
        Row{NodeAvailability::kDraining, "draining", ""},
        Row{NodeAvailability::kMaintenance, "in maintenance", "in maintenance"}}) {
    ModelBuilder builder;
    Node& a = builder.AddNode("a");
    Service& web = builder.AddService(ModelBuilder::Spec("web"));
    Service& db = builder.AddService(Pinned("db"));
    db.record.data_node = a.record.id;
    SetAvailability(builder.model(), a, {.availability = row.availability});
    EXPECT_EQ(WhyNot(builder.model(), web, a), row.others);
    EXPECT_EQ(WhyNot(builder.model(), db, a), row.its_own_data);
  }
}

TEST(AvailabilityTest, R7_1_DataAndTasksStayTheRestGivesWay) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& a = builder.AddNode("a");
  Service& web = builder.AddService(ModelBuilder::Spec("web"));
  Service& db = builder.AddService(Pinned("db"));
  ServiceSpec run = ModelBuilder::Spec("migrate");
  run.task = true;
  Service& task = builder.AddService(run);
  const Replica& of_web = builder.AddReplica(web, a, ReplicaState::kReady);
  const Replica& of_db = builder.AddReplica(db, a, ReplicaState::kReady);
  const Replica& of_task = builder.AddReplica(task, a, ReplicaState::kRunning);
  SetAvailability(model, a, {.availability = NodeAvailability::kCordoned});
  EXPECT_EQ(GivesWay(model, web, of_web), "") << "cordoned: it keeps what it has";
  SetAvailability(model, a, {.availability = NodeAvailability::kDraining});
  EXPECT_EQ(GivesWay(model, web, of_web), "NodeDrained");
  EXPECT_EQ(GivesWay(model, db, of_db), "");
  EXPECT_EQ(GivesWay(model, task, of_task), "");
  SetAvailability(model, a, {});
  EXPECT_EQ(GivesWay(model, web, of_web), "");
}

TEST(AvailabilityTest, WhatIsForeseenTakesRoomFromWhatComesAfter) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& a = builder.AddNode("a");
  builder.AddNode("b", 1200);
  Service& web = builder.AddService(ModelBuilder::Spec("web"), 3);
  Service& db = builder.AddService(Pinned("db"));
  builder.AddReplica(db, a, ReplicaState::kReady);
  for (int i = 0; i < 3; ++i) {
    builder.AddReplica(web, a, ReplicaState::kReady);
  }
  const size_t before = model.replicas.size();
  const std::vector<NodeMove> moves = ForeseeEmptying(model, a.record.id, NodeAvailability::kDraining);
  ASSERT_EQ(moves.size(), 4U);
  EXPECT_TRUE(moves[0].stays);
  EXPECT_THAT(moves[0].why, HasSubstr("pg:/data"));
  EXPECT_EQ(moves[1].to, NodeId("b"));
  EXPECT_EQ(moves[2].to, NodeId("b"));
  EXPECT_EQ(moves[3].to, NodeId());
  EXPECT_FALSE(moves[3].stays);
  EXPECT_THAT(moves[3].why, HasSubstr("b: 0.2 CPU free, 0.5 CPU wanted"));
  EXPECT_EQ(model.replicas.size(), before) << "nothing changed";
  EXPECT_EQ(a.record.availability, NodeAvailability::kActive);
  EXPECT_EQ(model.nodes.at(NodeId("b")).reserved, Resources());
}

TEST(AvailabilityTest, MaintenanceEndsWithItsTimeAlsoWhenTheClockIsSet) {
  ModelBuilder builder;
  Model& model = builder.model();
  Node& a = builder.AddNode("a");
  SetAvailability(
      model, a,
      {.availability = NodeAvailability::kMaintenance, .available_at = model.wall + absl::Hours(30)});
  ASSERT_TRUE(model.NextDue());
  EXPECT_LE(*model.NextDue(), model.now + absl::Hours(1)) << "looked at now and then";
  model.wall = model.wall + absl::Hours(31);
  ReviewAvailability(model, a);
  EXPECT_EQ(a.record.availability, NodeAvailability::kActive);
  EXPECT_FALSE(model.emptying.contains(a.record.id));
}

}  // namespace
}  // namespace drover::controller
