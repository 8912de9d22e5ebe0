#include "controller/runtime/access/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "pki/token.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class TokensTest : public testing::Test {
 protected:
  TokensTest() { Reopen(); }

  // As after a restart of the controller.
  void Reopen() {
    tokens_.reset();
    store_.reset();
    store_ = *AccessStore::Open(folder_.Path("access.db"));
    tokens_ = *Tokens::Open(store_.get(), std::string(64, 'a'), kNow);
  }

  Tokens::Created Create(Role role, std::optional<Duration> ttl = {}, const std::string& stack = "") {
    auto created = tokens_->Create(
        {.name = "ci", .role = role, .stack = stack, .uses = 2, .ttl = ttl, .created_by = "test"}, kNow);
    EXPECT_TRUE(created.ok()) << created.status();
    return *std::move(created);
  }

  static CertificateRecord Certificate() {
    return {.serial = "1", .node = NodeId("n"), .key_hash = "k", .not_after = kNow, .revoked_at = {}};
  }

  Folder folder_;
  std::unique_ptr<AccessStore> store_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, R12_GivesItsRoleAndStackAlsoAfterARestart) {
  const std::string text = Create(Role::kDeployer, {}, "shop").text;
  for (int i = 0; i < 2; ++i) {
    const auto grant = tokens_->Authenticate(text, kNow);
    ASSERT_TRUE(grant.ok()) << grant.status();
    EXPECT_EQ(grant->role, Role::kDeployer);
    EXPECT_EQ(grant->stack, "shop");
    EXPECT_THAT(grant->who(), testing::StartsWith("ci ("));
    Reopen();
  }
}

TEST_F(TokensTest, OnlyAHashIsOnDisk) {
  const Tokens::Created created = Create(Role::kAdmin);
  const std::string secret = pki::ParseToken(created.text)->secret;
  Reopen();
  for (const char* name : {"access.db", "access.db-wal"}) {
    std::ifstream file(folder_.Path(name), std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    EXPECT_THAT(bytes.str(), Not(HasSubstr(secret))) << name;
  }
  EXPECT_THAT(created.text, testing::EndsWith("." + std::string(64, 'a')));
}

TEST_F(TokensTest, UnknownWrongEndedAndRemovedOnesGiveNothing) {
  const Tokens::Created created = Create(Role::kAdmin, absl::Hours(1));
  EXPECT_EQ(tokens_->Authenticate("", kNow).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(tokens_->Authenticate(pki::Format(pki::MakeToken("")), kNow).status().code(),
            absl::StatusCode::kUnauthenticated);
  pki::TokenText wrong = *pki::ParseToken(created.text);
  wrong.secret[0] = wrong.secret[0] == 'a' ? 'b' : 'a';
  EXPECT_THAT(std::string(tokens_->Authenticate(pki::Format(wrong), kNow).status().message()),
              HasSubstr("is not known here"));
  EXPECT_TRUE(tokens_->Authenticate(created.text, kNow + absl::Minutes(59)).ok());
  EXPECT_THAT(std::string(tokens_->Authenticate(created.text, kNow + absl::Hours(1)).status().message()),
              HasSubstr("was good until"));
  EXPECT_TRUE(tokens_->Remove(created.record.id).ok());
  EXPECT_FALSE(tokens_->Authenticate(created.text, kNow).ok());
  Reopen();
  EXPECT_FALSE(tokens_->Authenticate(created.text, kNow).ok());
  EXPECT_EQ(tokens_->Remove(created.record.id).code(), absl::StatusCode::kNotFound);
}

TEST_F(TokensTest, ATokenForNodesIsUsedUpAlsoAfterARestart) {
  const Tokens::Created created = Create(Role::kNode);
  EXPECT_EQ(created.record.expires_at, kNow + absl::Hours(24)) << "ends by itself unless said otherwise";
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(tokens_->CheckJoin(created.text, false, kNow).ok());
    ASSERT_TRUE(tokens_->UseForJoin(created.record.id, false, Certificate(), kNow).ok());
    Reopen();
  }
  EXPECT_EQ(tokens_->CheckJoin(created.text, false, kNow).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(tokens_->UseForJoin(created.record.id, false, Certificate(), kNow).ok());
  EXPECT_TRUE(tokens_->CheckJoin(created.text, /*again=*/true, kNow).ok()) << "the answer was lost";
}

TEST_F(TokensTest, OthersDoNotJoin) {
  EXPECT_EQ(tokens_->CheckJoin(Create(Role::kAdmin).text, false, kNow).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(TokensTest, TermsThatMakeNoSenseAreRefused) {
  const auto fault = [&](Tokens::Terms terms) {
    return std::string(tokens_->Create(terms, kNow).status().message());
  };
  EXPECT_THAT(fault({.name = "", .role = Role::kOperator, .stack = "shop", .ttl = {}, .created_by = ""}),
              HasSubstr("only a viewer or a deployer"));
  EXPECT_THAT(fault({.name = "", .role = Role::kNode, .stack = "", .uses = 0, .ttl = {}, .created_by = ""}),
              HasSubstr("uses"));
  EXPECT_THAT(fault({.name = "a\nb", .role = Role::kViewer, .stack = "", .ttl = {}, .created_by = ""}),
              HasSubstr("name"));
  EXPECT_THAT(
      fault({.name = "", .role = Role::kViewer, .stack = "", .ttl = absl::ZeroDuration(), .created_by = ""}),
      HasSubstr("ttl"));
  EXPECT_TRUE(tokens_->List().empty());
}

TEST_F(TokensTest, R1_8_AStoreThatCannotBeWrittenLocksNobodyOut) {
  const Tokens::Created created = Create(Role::kViewer);
  // The file is gone under the open store; what it writes is lost.
  tokens_ = *Tokens::Open(store_.get(), "", kNow);
  std::filesystem::remove(folder_.Path("access.db"));
  std::filesystem::create_directory(folder_.Path("access.db"));
  EXPECT_TRUE(tokens_->Authenticate(created.text, kNow + absl::Hours(1)).ok());
}

}  // namespace
}  // namespace drover::controller
