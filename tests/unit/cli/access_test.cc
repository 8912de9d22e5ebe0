// token and audit against a small server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "cli/session.h"
#include "drover/v1/api.pb.h"
#include "tests/unit/cli/fake_controller.h"
#include "tests/unit/cli/run_cli.h"

namespace drover::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AccessVerbsTest : public testing::Test {
 protected:
  Outcome Drover(const std::vector<std::string>& arguments) {
    return RunCli(arguments, {{"DROVER_ADDR", fake_.address()}}, "tests/unit/cli");
  }

  void AnswerCreated(const std::string& role) {
    v1::CreateTokenResponse created;
    created.set_secret("drv1.x.y.z");
    created.mutable_token()->set_id("0123456789ab");
    created.mutable_token()->set_role(role);
    created.mutable_token()->set_uses_left(role == "node" ? 3 : 0);
    created.mutable_token()->mutable_expires_at()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 3700);
    fake_.Answer("POST /v1/tokens", created);
  }

  v1::CreateTokenRequest Asked() const {
    v1::CreateTokenRequest request;
    EXPECT_TRUE(FromJson(fake_.Find("POST /v1/tokens").body, &request).ok());
    return request;
  }

  FakeController fake_;
};

TEST_F(AccessVerbsTest, ATokenForNodesIsShownAsTheCommandThatUsesIt) {
  AnswerCreated("node");
  const Outcome outcome =
      Drover({"token", "create", "--node", "--uses", "3", "--ttl", "1h", "-m", "new rack"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  const std::string host = fake_.address().substr(std::string("http://").size());
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("drover-agent --join drv1.x.y.z@" + host), HasSubstr("3 hosts, ends in 61m")));
  EXPECT_EQ(Asked().role(), "node");
  EXPECT_EQ(Asked().uses(), 3U);
  EXPECT_EQ(Asked().ttl().seconds(), 3600);
  EXPECT_EQ(Asked().message(), "new rack");
}

TEST_F(AccessVerbsTest, OfAnotherTokenOnlyTheTokenIsPrintedForScripts) {
  AnswerCreated("deployer");
  const Outcome outcome =
      Drover({"token", "create", "--role", "deployer", "--stack", "shop", "--name", "ci"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_EQ(outcome.out, "drv1.x.y.z\n");
  EXPECT_EQ(Asked().role(), "deployer");
  EXPECT_EQ(Asked().stack(), "shop");
  EXPECT_EQ(Asked().name(), "ci");
  EXPECT_FALSE(Asked().has_ttl());
}

TEST_F(AccessVerbsTest, OneKindOfTokenMustBeNamed) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"token", "create"},
                                             {"token", "create", "--node", "--role", "admin"},
                                             {"token", "create", "--role", "root"},
                                             {"token", "create", "--node", "--ttl", "soon"},
                                             {"token"},
                                             {"token", "rm"}}) {
    EXPECT_EQ(Drover(arguments).code, kError);
  }
  EXPECT_TRUE(fake_.requests().empty());
}

TEST_F(AccessVerbsTest, TokensAreListedAndRemoved) {
  v1::ListTokensResponse list;
  v1::Token& token = *list.add_tokens();
  token.set_id("0123456789ab");
  token.set_name("ci");
  token.set_role("deployer");
  token.set_stack("shop");
  fake_.Answer("GET /v1/tokens", list);
  EXPECT_THAT(Drover({"token", "ls"}).out,
              AllOf(HasSubstr("0123456789ab  ci    deployer  shop"), HasSubstr("never")));
  EXPECT_THAT(Drover({"token", "ls", "-o", "json"}).out, HasSubstr("\"role\": \"deployer\""));
  v1::ChangeResponse removed;
  removed.set_message("gone");
  fake_.Answer("DELETE /v1/tokens/0123456789ab", removed);
  EXPECT_EQ(Drover({"token", "rm", "0123456789ab", "-m", "leaked"}).out, "gone\n");
  EXPECT_EQ(fake_.requests().back().call, "DELETE /v1/tokens/0123456789ab?message=leaked");
}

TEST_F(AccessVerbsTest, TheAuditTellsWhoWhatAndHowItEnded) {
  v1::ListAuditResponse list;
  v1::AuditEntry& entry = *list.add_entries();
  entry.set_who("ci (0123456789ab)");
  entry.set_from("10.0.0.9");
  entry.set_action("POST /v1/services/shop/web/scale");
  entry.set_before("3 replicas");
  entry.set_after("5 replicas");
  entry.set_message("sale");
  entry.set_outcome("done");
  fake_.Answer("GET /v1/audit", list);
  const Outcome outcome = Drover({"audit", "--since", "24h", "--who", "ci"});
  EXPECT_EQ(outcome.code, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("ci (0123456789ab)"), HasSubstr("3 replicas → 5 replicas"),
                                 HasSubstr("done"), HasSubstr("sale")));
  EXPECT_EQ(fake_.requests().back().call, "GET /v1/audit?since=24h&who=ci");
}

TEST_F(AccessVerbsTest, WhatARoleMayNotDoIsNotALackOfAToken) {
  fake_.AnswerError("GET /v1/tokens", 403, "the role viewer may not do this");
  EXPECT_THAT(Drover({"token", "ls"}).err,
              AllOf(HasSubstr("the role viewer may not do this"), Not(HasSubstr("DROVER_TOKEN"))));
}

}  // namespace
}  // namespace drover::cli
