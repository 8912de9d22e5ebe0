#include "controller/runtime/xds/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/xds/support.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kWeb = "shop/web:8000";
const std::string kApi = "shop/api:8000";

class XdsSessionTest : public testing::Test {
 protected:
  // The only response to `request`; empty when there is none.
  XdsSession::Response One(const XdsSession::Request& request, const XdsSnapshot& snapshot) {
    const auto responses = session_.OnRequest(request, snapshot);
    EXPECT_LE(responses.size(), 1U);
    return responses.empty() ? XdsSession::Response() : responses[0];
  }

  XdsSession session_ = XdsSession(3);
};

TEST_F(XdsSessionTest, AnswersWhatIsAskedForAndNothingElse) {
  const auto snapshot = SnapshotOf({{.backends = {1}}, {.name = "api", .backends = {2}}});
  const auto listener = One(Ask(XdsType::kListener, {"shop/web"}), *snapshot);
  EXPECT_THAT(Contents(listener), ElementsAre("listener shop/web"));
  EXPECT_EQ(listener.version_info(), "3.1");
  EXPECT_THAT(Contents(One(Ask(XdsType::kRoute, {kWeb}), *snapshot)), ElementsAre("route shop/web:8000"));
  EXPECT_THAT(Contents(One(Ask(XdsType::kEndpoints, {kWeb}), *snapshot)),
              ElementsAre("endpoints shop/web:8000 10.0.0.1:20000"));
  XdsSession::Request other = Ask(XdsType::kRoute, {kWeb});
  other.set_type_url("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
  EXPECT_THAT(session_.OnRequest(other, *snapshot), IsEmpty());
}

TEST_F(XdsSessionTest, AnAcceptanceIsNotAnswered) {
  const auto snapshot = SnapshotOf({{.backends = {1}}});
  const auto response = One(Ask(XdsType::kCluster, {kWeb}), *snapshot);
  EXPECT_THAT(session_.OnRequest(Accept(response, {kWeb}), *snapshot), IsEmpty());
  EXPECT_THAT(session_.OnSnapshot(*snapshot), IsEmpty());
}

TEST_F(XdsSessionTest, ARefusalIsNotAnsweredBeforeThereIsSomethingNew) {
  const auto first = SnapshotOf({{.backends = {1}}});
  const auto response = One(Ask(XdsType::kEndpoints, {kWeb}), *first);
  EXPECT_THAT(session_.OnRequest(Refuse(response, {kWeb}, "no locality"), *first), IsEmpty());
  EXPECT_EQ(session_.refusal(), "no locality");
  EXPECT_EQ(session_.Accepted(kWeb, *first), 0U);
  const auto second = SnapshotOf({{.revision = 2, .backends = {1, 2}}}, first);
  const auto more = session_.OnSnapshot(*second);
  ASSERT_THAT(more, SizeIs(1));
  session_.OnRequest(Accept(more[0], {kWeb}), *second);
  EXPECT_EQ(session_.refusal(), "");
  EXPECT_EQ(session_.Accepted(kWeb, *second), 2U);
}

TEST_F(XdsSessionTest, WhatARefusedResponseHeldComesAgainWithTheNext) {
  const auto first = SnapshotOf({{.backends = {1}}, {.name = "api", .backends = {2}}});
  const auto response = One(Ask(XdsType::kEndpoints, {kWeb, kApi}), *first);
  session_.OnRequest(Refuse(response, {kWeb, kApi}, "no"), *first);
  const auto second = SnapshotOf({{.revision = 2, .backends = {3}}, {.name = "api", .backends = {2}}}, first);
  const auto more = session_.OnSnapshot(*second);
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_THAT(Contents(more[0]), ElementsAre("endpoints shop/api:8000 10.0.0.2:20000",
                                             "endpoints shop/web:8000 10.0.0.3:20000"));
}

TEST_F(XdsSessionTest, OnlyWhatChangedOfEndpointsIsSent) {
  const auto first = SnapshotOf({{.backends = {1}}, {.name = "api", .backends = {2}}});
  session_.OnRequest(Accept(One(Ask(XdsType::kEndpoints, {kWeb, kApi}), *first), {kWeb, kApi}), *first);
  const auto second = SnapshotOf({{.backends = {1}}, {.name = "api", .revision = 2, .backends = {3}}}, first);
  const auto more = session_.OnSnapshot(*second);
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_THAT(Contents(more[0]), ElementsAre("endpoints shop/api:8000 10.0.0.3:20000"));
}

TEST_F(XdsSessionTest, WhatANewerResponseHasOvertakenIsIgnored) {
  const auto first = SnapshotOf({{.backends = {1}}});
  const auto old = One(Ask(XdsType::kEndpoints, {kWeb}), *first);
  const auto second = SnapshotOf({{.revision = 2, .backends = {2}}}, first);
  const auto newer = session_.OnSnapshot(*second);
  ASSERT_THAT(newer, SizeIs(1));
  EXPECT_THAT(session_.OnRequest(Accept(old, {kWeb}), *second), IsEmpty());
  EXPECT_EQ(session_.Accepted(kWeb, *second), 0U);
  session_.OnRequest(Accept(newer[0], {kWeb}), *second);
  EXPECT_EQ(session_.Accepted(kWeb, *second), 2U);
}

TEST_F(XdsSessionTest, R6_1_ARevisionThatSaysTheSameIsAcceptedUnlessAnotherIsOnItsWay) {
  const auto first = SnapshotOf({{.backends = {1}}});
  session_.OnRequest(Accept(One(Ask(XdsType::kEndpoints, {kWeb}), *first), {kWeb}), *first);
  const auto second = SnapshotOf({{.revision = 2, .backends = {1}}}, first);
  EXPECT_THAT(session_.OnSnapshot(*second), IsEmpty());
  EXPECT_EQ(session_.Accepted(kWeb, *second), 2U);
  // In, and out again before the client has answered: it may be using the third one.
  const auto third = SnapshotOf({{.revision = 3, .backends = {1, 2}}}, second);
  session_.OnSnapshot(*third);
  const auto fourth = SnapshotOf({{.revision = 4, .backends = {1}, .draining = {2}}}, third);
  const auto last = session_.OnSnapshot(*fourth);
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_LT(session_.Accepted(kWeb, *fourth), 4U);
  session_.OnRequest(Accept(last[0], {kWeb}), *fourth);
  EXPECT_EQ(session_.Accepted(kWeb, *fourth), 4U);
}

TEST_F(XdsSessionTest, ANameMoreIsAnsweredOneLessIsNot) {
  const auto snapshot = SnapshotOf({{.backends = {1}}, {.name = "api", .backends = {2}}});
  const auto web = One(Ask(XdsType::kEndpoints, {kWeb}), *snapshot);
  const auto both = One(Accept(web, {kWeb, kApi}), *snapshot);
  EXPECT_THAT(Contents(both), ElementsAre("endpoints shop/api:8000 10.0.0.2:20000"));
  EXPECT_THAT(session_.OnRequest(Accept(both, {kApi}), *snapshot), IsEmpty());
  EXPECT_THAT(session_.endpoints(), ElementsAre(kApi));
}

TEST_F(XdsSessionTest, WithoutNamesTheFirstRequestAsksForAllClusters) {
  const auto first = SnapshotOf({{.backends = {1}}});
  const auto all = One(Ask(XdsType::kCluster, {}), *first);
  EXPECT_THAT(Contents(all), ElementsAre("cluster shop/web:8000"));
  session_.OnRequest(Accept(all, {}), *first);
  const auto second = SnapshotOf({{.backends = {1}}, {.name = "api"}}, first);
  const auto more = session_.OnSnapshot(*second);
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_THAT(Contents(more[0]), ElementsAre("cluster shop/api:8000", "cluster shop/web:8000"));
}

TEST_F(XdsSessionTest, WithoutNamesALaterRequestAsksForNone) {
  const auto first = SnapshotOf({{.backends = {1}}});
  const auto web = One(Ask(XdsType::kListener, {"shop/web"}), *first);
  EXPECT_THAT(session_.OnRequest(Accept(web, {}), *first), IsEmpty());
  EXPECT_THAT(session_.OnSnapshot(*SnapshotOf({{.backends = {1}}, {.name = "api"}}, first)), IsEmpty());
}

TEST_F(XdsSessionTest, MakeBeforeBreak) {
  const auto first = SnapshotOf({{.backends = {1}}});
  for (const XdsType type : {XdsType::kCluster, XdsType::kListener}) {
    session_.OnRequest(Accept(One(Ask(type, {}), *first), {}), *first);
  }
  const auto second = SnapshotOf({{.name = "api", .backends = {2}}}, first);
  std::vector<std::vector<std::string>> sent;
  for (const auto& response : session_.OnSnapshot(*second)) {
    sent.push_back(Contents(response));
  }
  EXPECT_THAT(sent, ElementsAre(ElementsAre("cluster shop/api:8000", "cluster shop/web:8000"),
                                ElementsAre("listener shop/api", "listener shop/api:8000"),
                                ElementsAre("cluster shop/api:8000")));
}

TEST_F(XdsSessionTest, R6_3_NothingIsSaidBeforeSomethingIsKnown) {
  const XdsSnapshot nothing;
  EXPECT_THAT(session_.OnRequest(Ask(XdsType::kListener, {"shop/web"}), nothing), IsEmpty());
  EXPECT_THAT(session_.OnRequest(Ask(XdsType::kEndpoints, {kWeb}), nothing), IsEmpty());
  const auto unknown = SnapshotOf({{.known = false}});
  EXPECT_THAT(session_.OnSnapshot(*unknown), SizeIs(1)) << "the listener, no endpoints";
  EXPECT_THAT(session_.OnSnapshot(*SnapshotOf({{.revision = 2, .backends = {1}}}, unknown)), SizeIs(1));
}

TEST_F(XdsSessionTest, WhoComesBackIsToldAllAgainWhateverHisVersion) {
  const auto snapshot = SnapshotOf({{.backends = {1}}});
  for (const XdsType type : {XdsType::kRoute, XdsType::kEndpoints, XdsType::kCluster}) {
    XdsSession::Request request = Ask(type, {kWeb});
    request.set_version_info("2.9");
    EXPECT_THAT(session_.OnRequest(request, *snapshot), SizeIs(1));
  }
}

TEST_F(XdsSessionTest, AListenerThatIsNotThereIsSaidNotToBe) {
  const auto snapshot = SnapshotOf({});
  ASSERT_THAT(session_.OnRequest(Ask(XdsType::kListener, {"shop/web"}), *snapshot), SizeIs(1));
  EXPECT_THAT(session_.OnRequest(Ask(XdsType::kEndpoints, {kWeb}), *snapshot), IsEmpty());
}

}  // namespace
}  // namespace drover::controller
