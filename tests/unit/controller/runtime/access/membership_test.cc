#include "controller/runtime/access/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/certificates.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);
constexpr Instant kNow = Instant::FromNanoseconds(1'000'000'000'000);
const NodeId kNode("00000000000000aa");

class MembershipTest : public testing::Test {
 protected:
  MembershipTest() { Reopen(); }

  // As after a restart of the controller.
  void Reopen(AdmissionRate joins = AdmissionRate(10, 50)) {
    members_.reset();
    tokens_.reset();
    store_.reset();
    store_ = *AccessStore::Open(folder_.Path("access.db"));
    tokens_ = *Tokens::Open(store_.get(), authority_.pin(), kWall);
    members_ = *Membership::Open({.certificate_life = absl::Hours(90), .joins = joins}, &authority_,
                                 store_.get(), tokens_.get());
    members_->OnRevoked([this](const NodeId& node) { cut_.push_back(node); });
  }

  std::string Token(int64_t uses = 1) {
    return tokens_
        ->Create({.name = "", .role = Role::kNode, .stack = "", .uses = uses, .ttl = {}, .created_by = ""},
                 kWall)
        ->text;
  }

  absl::StatusOr<std::string> Join(const std::string& token, const std::string& key,
                                   const NodeId& node = kNode, absl::Time wall = kWall) {
    std::string who;
    return members_->Join({.token = token, .csr = *pki::MakeRequest(key, node.value()), .node = node}, kNow,
                          wall, who);
  }

  Folder folder_;
  const Authority authority_ = *Authority::Open(folder_.Path("ca"), kWall);
  std::unique_ptr<AccessStore> store_;
  std::unique_ptr<Tokens> tokens_;
  std::unique_ptr<Membership> members_;
  std::vector<NodeId> cut_;
};

TEST_F(MembershipTest, R13_AHostWithATokenBecomesANode) {
  const auto certificate = Join(Token(), pki::MakeKey());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(pki::FactsOf(*certificate)->common_name, kNode.value());
  EXPECT_TRUE(members_->Admit(*certificate).ok());
}

TEST_F(MembershipTest, AUsedUpTokenGivesNothing) {
  const std::string token = Token();
  ASSERT_TRUE(Join(token, pki::MakeKey()).ok());
  Reopen();
  EXPECT_EQ(Join(token, pki::MakeKey(), NodeId("00000000000000bb")).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(MembershipTest, TheSameQuestionIsAnsweredAgainWithoutAFurtherUse) {
  const std::string token = Token();
  const std::string key = pki::MakeKey();
  ASSERT_TRUE(Join(token, key).ok());
  Reopen();
  EXPECT_TRUE(Join(token, key).ok());
}

TEST_F(MembershipTest, R1_7_ANodesIdIsNotGivenToAnotherHost) {
  ASSERT_TRUE(Join(Token(), pki::MakeKey()).ok());
  const std::string token = Token();
  EXPECT_EQ(Join(token, pki::MakeKey()).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Join(token, pki::MakeKey(), kNode, kWall + absl::Hours(1)).status().code() ==
              absl::StatusCode::kAlreadyExists)
      << "and the token has its use still";
  EXPECT_TRUE(Join(Token(), pki::MakeKey(), kNode, kWall + absl::Hours(1)).status().code() ==
              absl::StatusCode::kAlreadyExists);
  // Once its certificate has ended, nobody is that node any more.
  const auto later = tokens_->Create(
      {.name = "", .role = Role::kNode, .stack = "", .uses = 1, .ttl = absl::Hours(200), .created_by = ""},
      kWall);
  EXPECT_TRUE(Join(later->text, pki::MakeKey(), kNode, kWall + absl::Hours(91)).ok());
}

TEST_F(MembershipTest, ARequestForAnotherNodeOrNoneIsRefusedAndCostsNoUse) {
  const std::string token = Token();
  std::string who;
  const std::string other = *pki::MakeRequest(pki::MakeKey(), "00000000000000bb");
  for (const std::string& csr : {other, std::string(), std::string("x")}) {
    EXPECT_EQ(members_->Join({.token = token, .csr = csr, .node = kNode}, kNow, kWall, who).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(members_->Join({.token = token, .csr = other, .node = NodeId("../x")}, kNow, kWall, who)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Join(token, pki::MakeKey()).ok());
}

TEST_F(MembershipTest, R13_JoiningIsBounded) {
  Reopen(AdmissionRate(1, 2));
  const std::string token = Token(10);
  EXPECT_TRUE(Join(token, pki::MakeKey(), NodeId("0000000000000001")).ok());
  EXPECT_TRUE(Join(token, pki::MakeKey(), NodeId("0000000000000002")).ok());
  EXPECT_EQ(Join(token, pki::MakeKey(), NodeId("0000000000000003")).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(MembershipTest, ARemovedNodeIsRefusedAlsoAfterARestartAndItsIdIsNotGivenAgain) {
  const auto certificate = Join(Token(), pki::MakeKey());
  const auto renewed = members_->Renew(kNode, *pki::MakeRequest(pki::MakeKey(), kNode.value()), kWall);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  ASSERT_TRUE(members_->Revoke(kNode, kWall).ok());
  EXPECT_THAT(cut_, testing::ElementsAre(kNode));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(members_->Admit(*certificate).code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(members_->Admit(*renewed).code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(members_->Renew(kNode, *pki::MakeRequest(pki::MakeKey(), kNode.value()), kWall).status().code(),
              absl::StatusCode::kPermissionDenied);
    Reopen();
  }
  const std::string token = Token();
  EXPECT_EQ(Join(token, pki::MakeKey()).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Join(token, pki::MakeKey(), NodeId("00000000000000bb")).ok()) << "the same host, as a new node";
}

TEST_F(MembershipTest, RenewalIsForTheNodeOfTheStreamOnly) {
  ASSERT_TRUE(Join(Token(), pki::MakeKey()).ok());
  EXPECT_EQ(
      members_->Renew(kNode, *pki::MakeRequest(pki::MakeKey(), "00000000000000bb"), kWall).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(MembershipTest, ACertificateThatNobodyRecordedIsGood) {
  // The store was put back to an older state: agents must not all be locked out.
  const std::string request = *pki::MakeRequest(pki::MakeKey(), kNode.value());
  EXPECT_TRUE(members_->Admit(*authority_.IssueForNode(request, kNode, kWall, absl::Hours(1))).ok());
  EXPECT_TRUE(members_->Renew(kNode, request, kWall).ok());
}

}  // namespace
}  // namespace drover::controller
