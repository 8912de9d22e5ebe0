#include "controller/runtime/xds/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "tests/unit/controller/runtime/xds/support.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Names(const XdsSnapshot& snapshot, XdsType type) {
  std::vector<std::string> names;
  for (const auto& [name, resource] : snapshot.of(type)) {
    names.push_back(name);
  }
  return names;
}

envoy::config::endpoint::v3::ClusterLoadAssignment EndpointsOf(const XdsSnapshot& snapshot) {
  envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
  snapshot.of(XdsType::kEndpoints).begin()->second->body.UnpackTo(&assignment);
  return assignment;
}

TEST(XdsResourcesTest, TheListenerHasTheShortNameToo) {
  const auto snapshot = SnapshotOf({{.backends = {1}}});
  EXPECT_THAT(Names(*snapshot, XdsType::kListener), ElementsAre("shop/web", "shop/web:8000"));
  EXPECT_THAT(Names(*snapshot, XdsType::kRoute), ElementsAre("shop/web:8000"));
  EXPECT_THAT(Names(*snapshot, XdsType::kCluster), ElementsAre("shop/web:8000"));
  EXPECT_THAT(Names(*snapshot, XdsType::kEndpoints), ElementsAre("shop/web:8000"));
}

TEST(XdsResourcesTest, WithTwoPortsTheShortNameWouldBeAGuess) {
  const auto snapshot = SnapshotOf({{.targets = {8000, 9000}}});
  EXPECT_THAT(Names(*snapshot, XdsType::kListener), ElementsAre("shop/web:8000", "shop/web:9000"));
}

TEST(XdsResourcesTest, R6_1_WhatDrainsIsLeftOut) {
  const auto assignment = EndpointsOf(*SnapshotOf({{.backends = {1, 2}, .draining = {3}}}));
  ASSERT_EQ(assignment.endpoints_size(), 1);
  EXPECT_EQ(assignment.endpoints(0).lb_endpoints_size(), 2);
  EXPECT_EQ(assignment.endpoints(0).load_balancing_weight().value(), 2U) << "without weight: no traffic";
  EXPECT_TRUE(assignment.endpoints(0).has_locality()) << "without locality: refused";
}

TEST(XdsResourcesTest, NoBackendsAreNoLocality) {
  EXPECT_THAT(EndpointsOf(*SnapshotOf({{}})).endpoints(), IsEmpty());
}

TEST(XdsResourcesTest, R6_3_EndpointsThatAreNotKnownStayAsTheyWere) {
  const auto unknown = SnapshotOf({{.known = false}});
  EXPECT_THAT(Names(*unknown, XdsType::kEndpoints), IsEmpty());
  EXPECT_THAT(Names(*unknown, XdsType::kCluster), ElementsAre("shop/web:8000"));
  const auto known = SnapshotOf({{.revision = 2, .backends = {1}}}, unknown);
  EXPECT_EQ(SnapshotOf({{.revision = 3, .known = false}}, known), known);
}

TEST(XdsResourcesTest, R6_3_AViewThatIsNotReadyChangesNothing) {
  const auto before = SnapshotOf({{.backends = {1}}});
  View view = XdsView({});
  view.ready = false;
  EXPECT_EQ(NextSnapshot(view, before), before);
  EXPECT_EQ(NextSnapshot(view, std::make_shared<const XdsSnapshot>())->number, 0U);
}

TEST(XdsResourcesTest, TheSameIsTheSameSnapshot) {
  const auto before = SnapshotOf({{.backends = {1}}});
  EXPECT_EQ(SnapshotOf({{.backends = {1}}}, before), before);
  EXPECT_NE(SnapshotOf({{.revision = 2, .backends = {1}}}, before), before) << "a revision to confirm";
}

}  // namespace
}  // namespace drover::controller
