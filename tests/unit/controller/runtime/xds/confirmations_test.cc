#include "controller/runtime/xds/confirmations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/xds/support.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const std::string kWeb = "shop/web:8000";
const ServiceKey kKey = {"shop", "web"};

class XdsConfirmationsTest : public testing::Test {
 protected:
  static Instant At(int seconds) { return Instant::FromNanoseconds(int64_t{seconds} * 1'000'000'000); }

  std::vector<std::pair<ServiceKey, uint64_t>> Changed(const std::vector<const XdsSession*>& sessions,
                                                       int at) {
    return confirmations_.Changed(sessions, *snapshot_, At(at));
  }

  // A client that has what the snapshot says.
  void Serve(XdsSession& session, const std::string& node = "n1") {
    const auto responses = session.OnRequest(Ask(XdsType::kEndpoints, {kWeb}, node), *snapshot_);
    confirmations_.NoteAsked(session, kWeb);
    ASSERT_EQ(responses.size(), 1U);
    session.OnRequest(Accept(responses[0], {kWeb}), *snapshot_);
  }

  XdsConfirmations confirmations_{At(0), absl::Seconds(60)};
  std::shared_ptr<const XdsSnapshot> snapshot_ = SnapshotOf({{.revision = 1, .backends = {1, 2}}});
  std::shared_ptr<const XdsSnapshot> next_ =
      SnapshotOf({{.revision = 2, .backends = {1}, .draining = {2}}}, snapshot_);
};

TEST_F(XdsConfirmationsTest, R6_1_NothingBeforeClientsOfTheFormerControllerCouldComeBack) {
  XdsSession client(1);
  Serve(client);
  EXPECT_THAT(Changed({&client}, 59), IsEmpty());
  EXPECT_THAT(Changed({&client}, 60), ElementsAre(Pair(kKey, 1U)));
  EXPECT_THAT(Changed({&client}, 61), IsEmpty()) << "told";
}

TEST_F(XdsConfirmationsTest, WhomNobodyAsksForIsConfirmedAtOnce) {
  EXPECT_THAT(Changed({}, 60), ElementsAre(Pair(kKey, 1U)));
  snapshot_ = next_;
  EXPECT_THAT(Changed({}, 61), ElementsAre(Pair(kKey, 2U)));
}

TEST_F(XdsConfirmationsTest, R6_1_EveryStreamMustHaveAccepted) {
  XdsSession fast(1);
  XdsSession slow(1);
  Serve(fast);
  Serve(slow, "n2");
  EXPECT_THAT(Changed({&fast, &slow}, 60), ElementsAre(Pair(kKey, 1U)));
  snapshot_ = next_;
  const auto to_fast = fast.OnSnapshot(*snapshot_);
  const auto to_slow = slow.OnSnapshot(*snapshot_);
  fast.OnRequest(Accept(to_fast[0], {kWeb}), *snapshot_);
  EXPECT_THAT(Changed({&fast, &slow}, 61), IsEmpty());
  slow.OnRequest(Accept(to_slow[0], {kWeb}), *snapshot_);
  EXPECT_THAT(Changed({&fast, &slow}, 62), ElementsAre(Pair(kKey, 2U)));
}

TEST_F(XdsConfirmationsTest, R6_1_AStreamThatIsLostCountsForAWhile) {
  XdsSession client(1);
  Serve(client);
  EXPECT_THAT(Changed({&client}, 60), ElementsAre(Pair(kKey, 1U)));
  confirmations_.NoteLost(client, *snapshot_, At(70));
  snapshot_ = next_;
  EXPECT_THAT(Changed({}, 129), IsEmpty());
  EXPECT_THAT(Changed({}, 130), ElementsAre(Pair(kKey, 2U)));
}

TEST_F(XdsConfirmationsTest, R6_1_UntilOneOfTheSameNodeHasAcceptedInItsPlace) {
  XdsSession first(1);
  XdsSession second(1);
  Serve(first);
  Serve(second);
  EXPECT_THAT(Changed({&first, &second}, 60), ElementsAre(Pair(kKey, 1U)));
  confirmations_.NoteLost(first, *snapshot_, At(70));
  confirmations_.NoteLost(second, *snapshot_, At(70));
  snapshot_ = next_;
  XdsSession other(1);
  Serve(other, "n2");
  EXPECT_THAT(Changed({&other}, 71), IsEmpty()) << "somebody else";
  XdsSession again(1);
  Serve(again);
  EXPECT_THAT(Changed({&other, &again}, 72), IsEmpty()) << "two were lost, one is back";
  XdsSession too(1);
  Serve(too);
  EXPECT_THAT(Changed({&other, &again, &too}, 73), ElementsAre(Pair(kKey, 2U)));
}

TEST_F(XdsConfirmationsTest, WhatAClientHadOfAServiceThatWasMadeAnewConfirmsNothing) {
  snapshot_ = SnapshotOf({{.revision = 9, .backends = {1}}});
  XdsSession client(1);
  Serve(client);
  EXPECT_THAT(Changed({&client}, 60), ElementsAre(Pair(kKey, 9U)));
  confirmations_.NoteLost(client, *snapshot_, At(61));
  snapshot_ = SnapshotOf({{.revision = 1, .backends = {5}}}, snapshot_);
  EXPECT_THAT(Changed({}, 62), IsEmpty());
  EXPECT_THAT(Changed({}, 121), ElementsAre(Pair(kKey, 1U)));
}

}  // namespace
}  // namespace drover::controller
