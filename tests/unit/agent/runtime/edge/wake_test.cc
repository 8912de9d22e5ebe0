#include "agent/runtime/edge/nginx/wake.h"

#include "gtest/gtest.h"

namespace drover::agent {
namespace {

TEST(WakeTest, OnlyAddressesOfTheLoopbackAreTaken) {
  EXPECT_EQ(WakeAddressIn("<190>Nov 23 11:40:00 drover: 127.64.3.4"), "127.64.3.4");
  EXPECT_EQ(WakeAddressIn("127.64.3.4"), "127.64.3.4");
  for (const char* other : {"", " ", "<190>Nov 23 drover: 10.0.0.1", "drover: 127.64.3", "127.0.0.1 x"}) {
    EXPECT_EQ(WakeAddressIn(other), "") << other;
  }
}

TEST(WakeTest, R4_4_WaitingIsWhoComesAgainAndOneForAsLongAsItWouldWait) {
  RefusedRequests refused;
  const Instant start = Instant() + absl::Hours(1);
  EXPECT_EQ(refused.Waiting(start, 0, absl::Seconds(30)), 0);
  EXPECT_EQ(refused.Waiting(start, 5, absl::Seconds(30)), 5);
  EXPECT_EQ(refused.Waiting(start + absl::Milliseconds(500), 2, absl::Seconds(30)), 7);
  EXPECT_EQ(refused.Waiting(start + absl::Milliseconds(1200), 0, absl::Seconds(30)), 2);
  EXPECT_EQ(refused.Waiting(start + absl::Seconds(20), 0, absl::Seconds(30)), 1);
  EXPECT_EQ(refused.Waiting(start + absl::Seconds(31), 0, absl::Seconds(30)), 0);
}

}  // namespace
}  // namespace drover::agent
