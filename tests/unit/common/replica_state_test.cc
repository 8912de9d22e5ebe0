#include "common/replica_state.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

using S = ReplicaState;

TEST(ReplicaStateTest, R3_1_TheUsualLifeIsLegal) {
  const S life[] = {S::kPending, S::kAssigned, S::kPulling,  S::kStarting, S::kRunning,
                    S::kReady,   S::kDraining, S::kStopping, S::kGone};
  for (size_t i = 0; i + 1 < std::size(life); ++i) {
    EXPECT_TRUE(IsLegalStep(life[i], life[i + 1])) << ToString(life[i]);
  }
}

TEST(ReplicaStateTest, R3_1_ADrainingReplicaMayBeRecalledAStoppingOneNot) {
  EXPECT_TRUE(IsLegalStep(S::kDraining, S::kReady));
  EXPECT_FALSE(IsLegalStep(S::kStopping, S::kReady));
  EXPECT_FALSE(IsLegalStep(S::kStopping, S::kDraining));
}

TEST(ReplicaStateTest, GoneIsTheEnd) {
  for (const S s : kAllReplicaStates) {
    EXPECT_EQ(IsLegalStep(S::kGone, s), s == S::kGone) << ToString(s);
  }
}

TEST(ReplicaStateTest, R3_3_DrainingHoldsItsReservationButNoPlaceInMax) {
  EXPECT_TRUE(HoldsReservation(S::kDraining));
  EXPECT_FALSE(IsActive(S::kDraining));
  EXPECT_FALSE(IsActive(S::kWarm));
  EXPECT_FALSE(HoldsReservation(S::kPending));
}

}  // namespace
}  // namespace drover
