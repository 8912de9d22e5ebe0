#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/address.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {

namespace {

using ::testing::ElementsAre;

EdgeBackend Want(uint32_t port, bool drain = false) {
  return {.replica = ReplicaId(port), .address = "127.0.0.1", .port = port, .drain = drain};
}

// Admin 5 is a slot that the file disables; after "ready" it reads 4.
Slot In(int number, uint32_t port, uint32_t admin = 4, int64_t in_flight = 0) {
  Slot slot;
  slot.row.name = absl::StrCat("drv", number);
  slot.row.address = "127.0.0.1";
  slot.row.port = port;
  slot.row.admin_state = admin;
  slot.in_flight = in_flight;
  return slot;
}

// The plan as commands without their common start.
std::vector<std::string> Commands(const SlotPlan& plan) {
  std::vector<std::string> out;
  for (const SlotChange& change : plan.changes) {
    out.push_back(CommandFor("b", change).substr(std::string("set server b/").size()));
  }
  return out;
}

TEST(PlanTest, NothingToDoWhenAsWanted) {
  const SlotPlan plan =
      PlanSlots({Want(20001), Want(20002, true)}, false, {In(1, 20001), In(2, 20002, 5), In(3, 1, 5)});
  EXPECT_THAT(Commands(plan), ElementsAre());
  EXPECT_EQ(plan.error, "");
}

TEST(PlanTest, R6_4_ReadyOnesComeFirst) {
  EXPECT_THAT(Commands(PlanSlots({Want(20002)}, false, {In(1, 20001), In(2, 1, 5)})),
              ElementsAre("drv2 addr 127.0.0.1 port 20002", "drv2 state ready", "drv1 state maint"));
}

TEST(PlanTest, R6_1_DrainTakesOutAndKeepsTheAddress) {
  EXPECT_THAT(Commands(PlanSlots({Want(20001, true)}, false, {In(1, 20001)})),
              ElementsAre("drv1 state maint"));
  // HAProxy's own drain still takes sticky sessions.
  EXPECT_THAT(Commands(PlanSlots({Want(20001, true)}, false, {In(1, 20001, 8)})),
              ElementsAre("drv1 state maint"));
}

TEST(PlanTest, R3_1_ADrainingReplicaIsRecalledIntoItsSlot) {
  EXPECT_THAT(Commands(PlanSlots({Want(20001)}, false, {In(1, 20001, 5), In(2, 1, 5)})),
              ElementsAre("drv1 state ready"));
  EXPECT_THAT(Commands(PlanSlots({Want(20001)}, false, {In(1, 20001, 8)})), ElementsAre("drv1 state ready"));
}

TEST(PlanTest, R6_1_ADrainingReplicaThatIsInNoSlotNeedsNone) {
  EXPECT_THAT(Commands(PlanSlots({Want(20001, true)}, false, {In(1, 1, 5)})), ElementsAre());
}

TEST(PlanTest, FreshSlotsAreTakenBeforeIdleOnesBeforeBusyOnes) {
  const std::vector<Slot> slots = {In(1, 20009, 5, 3), In(2, 20008, 5), In(3, 1, 5)};
  EXPECT_THAT(Commands(PlanSlots({Want(20001)}, false, slots)),
              ElementsAre("drv3 addr 127.0.0.1 port 20001", "drv3 state ready"));
  EXPECT_THAT(Commands(PlanSlots({Want(20001), Want(20002)}, false, slots)),
              ElementsAre("drv3 addr 127.0.0.1 port 20001", "drv2 addr 127.0.0.1 port 20002",
                          "drv3 state ready", "drv2 state ready"));
}

TEST(PlanTest, ASlotOfADrainingReplicaIsNeverTaken) {
  const SlotPlan plan = PlanSlots({Want(20001), Want(20002, true)}, false, {In(1, 20002, 5)});
  EXPECT_THAT(Commands(plan), ElementsAre());
  EXPECT_EQ(plan.error, "1 of 2 replicas found no slot: the backend has only 1 servers drv1…drvN");
}

TEST(PlanTest, AFullBackendFreesASlotFirst) {
  EXPECT_THAT(Commands(PlanSlots({Want(20002)}, false, {In(1, 20001)})),
              ElementsAre("drv1 state maint", "drv1 addr 127.0.0.1 port 20002", "drv1 state ready"));
}

TEST(PlanTest, TwoSlotsForOneReplicaAreMadeOne) {
  EXPECT_THAT(Commands(PlanSlots({Want(20001)}, false, {In(1, 20001), In(2, 20001)})),
              ElementsAre("drv2 state maint"));
}

TEST(PlanTest, AWeightOfZeroIsRepaired) {
  Slot slot = In(1, 20001);
  slot.row.user_weight = 0;
  EXPECT_THAT(Commands(PlanSlots({Want(20001)}, false, {slot})), ElementsAre("drv1 weight 100%"));
}

TEST(PlanTest, WeightsAreKeptBeforeAReplicaEntersAndWhereAHandChangedThem) {
  EdgeBackend heavy = Want(20001);
  heavy.weight = 4;
  EXPECT_THAT(Commands(PlanSlots({heavy}, true, {In(1, 1, 5)})),
              ElementsAre("drv1 addr 127.0.0.1 port 20001", "drv1 weight 4", "drv1 state ready"));
  EXPECT_THAT(Commands(PlanSlots({heavy}, true, {In(1, 20001)})), ElementsAre("drv1 weight 4"));
  EXPECT_THAT(Commands(PlanSlots({heavy}, false, {In(1, 20001)})), ElementsAre());
  Slot slot = In(1, 20001);
  slot.row.user_weight = 4;
  EXPECT_THAT(Commands(PlanSlots({heavy}, true, {slot})), ElementsAre());
  EXPECT_EQ(PlannedRows({heavy}, true, {}, 1)[0].user_weight, 4);
}

TEST(PlanTest, R6_4_TheFileKeepsSlotsAndMovesThoseThatNoLongerExist) {
  const std::vector<ServerRow> rows = {In(1, 20005).row, In(2, 20001).row, In(9, 20002).row};
  const std::vector<ServerRow> planned =
      PlannedRows({Want(20001), Want(20002), Want(20003, true)}, false, rows, 3);
  ASSERT_EQ(planned.size(), 3u);
  EXPECT_EQ(planned[0].port, 20002u);  // was in drv9, which is gone; 20005 is not wanted
  EXPECT_EQ(planned[1].port, 20001u);
  EXPECT_EQ(planned[2].port, 1u);
  EXPECT_TRUE(InRotation(planned[0]));
  EXPECT_FALSE(InRotation(planned[2]));
}

TEST(PlanTest, NamesAndAddresses) {
  EXPECT_TRUE(IsSlotName("drv1"));
  EXPECT_FALSE(IsSlotName("drv"));
  EXPECT_FALSE(IsSlotName("drv0"));
  EXPECT_FALSE(IsSlotName("drvother"));
  EXPECT_FALSE(IsSlotName("web1"));
  EXPECT_EQ(CanonicalAddress("0:0::1"), "::1");
  EXPECT_EQ(CanonicalAddress("10.0.0.5"), "10.0.0.5");
  EXPECT_EQ(CanonicalAddress("host"), "host");
}

}  // namespace
}  // namespace drover::agent
