#include "common/ids.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(IdsTest, ReplicaIdRoundTripsThroughText) {
  const ReplicaId id(0x0123456789abcdefULL);
  EXPECT_EQ(ToString(id), "0123456789abcdef");
  EXPECT_EQ(*ParseReplicaId("0123456789abcdef"), id);
}

TEST(IdsTest, MalformedReplicaIdsAreRefused) {
  for (const char* text : {"", "123", "0123456789abcdeg", "0000000000000000", "0123456789abcdef0"}) {
    EXPECT_FALSE(ParseReplicaId(text).ok()) << text;
  }
}

TEST(IdsTest, ServiceKeyIsWhatPeopleType) { EXPECT_EQ(ToString(ServiceKey{"shop", "web"}), "shop/web"); }

}  // namespace
}  // namespace drover
