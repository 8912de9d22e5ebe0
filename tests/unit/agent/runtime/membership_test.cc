// Joining up to the connection, and what is kept of it.
#include "agent/runtime/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/runtime/join.h"
#include "pki/certificates.h"

namespace drover::agent {
namespace {

using testing::HasSubstr;

std::string TokenOf(const std::string& pin) {
  return absl::StrCat("drv1.", std::string(12, '1'), ".", std::string(64, '2'), pin.empty() ? "" : ".", pin);
}

TEST(ParseJoinTest, ATokenAndAHostPerhapsWithAPort) {
  const std::string token = TokenOf(std::string(64, 'a'));

  const struct {
    const char* address;
    const char* host;
    int port;
  } kCases[] = {
      {"host1", "host1", 7401}, {"10.0.0.1:8401", "10.0.0.1", 8401}, {"[fd00::1]:7401", "fd00::1", 7401}};

  for (const auto& one : kCases) {
    const auto target = ParseJoin(absl::StrCat(token, "@", one.address));
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->host, one.host);
    EXPECT_EQ(target->port, one.port);
    EXPECT_EQ(target->text, token);
  }
}

TEST(ParseJoinTest, AnythingElseIsRefusedWithoutRepeatingTheToken) {
  for (const std::string& text :
       {std::string("x@host1"), TokenOf(std::string(64, 'a')), TokenOf(std::string(64, 'a')) + "@",
        TokenOf("") + "@host1", TokenOf(std::string(64, 'a')) + "@https://host1",
        TokenOf(std::string(64, 'a')) + "@host1:x"}) {
    const auto target = ParseJoin(text);
    EXPECT_EQ(target.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(target.status().message()), testing::Not(HasSubstr(std::string(64, '2'))));
  }
}

class MembershipTest : public testing::Test {
 protected:
  MembershipTest() {
    char name[] = "/tmp/drover-membership-XXXXXX";
    folder_ = mkdtemp(name);
  }

  ~MembershipTest() override { std::filesystem::remove_all(folder_); }

  // As after joining.
  void Join() {
    const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
    const pki::Identity authority = *pki::MakeAuthority("test", now, absl::Hours(24));
    const std::string key = *PendingKey(folder_);
    const std::string certificate = *pki::Issue(authority, *pki::MakeRequest(key, "n"),
                                                {.common_name = "n",
                                                 .names = {},
                                                 .uri = "",
                                                 .server = false,
                                                 .not_before = now,
                                                 .not_after = now + absl::Hours(1)});
    Membership membership;
    membership.controllers = {"10.0.0.1:7400"};
    membership.token_id = "t";
    membership.cluster_id = "c";
    ASSERT_TRUE(StoreMembership(folder_, membership, key + certificate, authority.certificate).ok());
    ForgetPendingKey(folder_);
  }

  Config ConfigHere() const {
    Config config;
    config.state_dir = folder_;
    return config;
  }

  std::string folder_;
};

TEST_F(MembershipTest, NothingIsThereBeforeJoining) {
  const auto membership = LoadMembership(folder_);
  ASSERT_TRUE(membership.ok()) << membership.status();
  EXPECT_FALSE(membership->has_value());
  Config config = ConfigHere();
  EXPECT_TRUE(ApplyMembership(config).ok());
  EXPECT_FALSE(config.tls.has_value());
}

TEST_F(MembershipTest, AfterwardsTheConfigurationNeedsNeitherControllersNorCertificates) {
  Join();
  Config config = ConfigHere();
  ASSERT_TRUE(ApplyMembership(config).ok());
  EXPECT_THAT(config.controllers, testing::ElementsAre("10.0.0.1:7400"));
  ASSERT_TRUE(config.tls.has_value());
  EXPECT_EQ(config.tls->server_name, "drover-controller");
  const auto membership = LoadMembership(folder_);
  EXPECT_EQ((*membership)->token_id, "t");
  EXPECT_EQ((*membership)->cluster_id, "c");
}

TEST_F(MembershipTest, WhatIsWrittenStandsAboveIt) {
  Join();
  Config config = ConfigHere();
  config.controllers = {"10.0.0.2:7400"};
  ASSERT_TRUE(ApplyMembership(config).ok());
  EXPECT_THAT(config.controllers, testing::ElementsAre("10.0.0.2:7400"));
  config = ConfigHere();
  config.tls_off = true;
  ASSERT_TRUE(ApplyMembership(config).ok());
  EXPECT_FALSE(config.tls.has_value());
}

TEST_F(MembershipTest, OnlyItsOwnerReadsTheKey) {
  Join();
  for (const char* name : {"identity.pem", "membership.pb"}) {
    EXPECT_EQ(std::filesystem::status(MembershipDirectory(folder_) + "/" + name).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << name;
  }
}

TEST_F(MembershipTest, AKeyAndACertificateThatDoNotBelongTogetherAreNoIdentity) {
  Join();
  std::ofstream(MembershipDirectory(folder_) + "/identity.pem") << pki::MakeKey();
  const auto membership = LoadMembership(folder_);
  EXPECT_EQ(membership.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(membership.status().message()), HasSubstr("join again"));
}

TEST_F(MembershipTest, ARepeatedRequestIsForTheSameKey) {
  const std::string first = *PendingKey(folder_);
  EXPECT_EQ(*PendingKey(folder_), first);
  ForgetPendingKey(folder_);
  EXPECT_NE(*PendingKey(folder_), first);
}

}  // namespace
}  // namespace drover::agent
