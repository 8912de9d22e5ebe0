#include "agent/runtime/edge/haproxy/foreign_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ForeignConfigTest, WordsAreAsHaproxyReadsThem) {
  EXPECT_THAT(SplitConfigLine("  option  redispatch 1\t# why"), ElementsAre("option", "redispatch", "1"));
  EXPECT_THAT(SplitConfigLine(R"(a 'b # c' "d\" e" f\ g '' h'i'j)"),
              ElementsAre("a", "b # c", "d\" e", "f g", "", "hij"));
  EXPECT_THAT(SplitConfigLine(R"('no \escape' \#x)"), ElementsAre("no \\escape", "#x"));
  EXPECT_THAT(SplitConfigLine("   # nothing"), IsEmpty());
}

TEST(ForeignConfigTest, LinesOfABackendAndOfGlobal) {
  const ForeignConfig config(
      "global\n  lua-load-per-thread '/x/hold.lua'\n"
      "backend a\n  http-request deny\nlisten b\n\thttp-request  'deny' # all\nbackend c\n");
  EXPECT_TRUE(config.GlobalHas({"lua-load-per-thread", "/x/hold.lua"}));
  EXPECT_FALSE(config.GlobalHas({"http-request", "deny"}));
  EXPECT_TRUE(config.BackendHas("a", {"http-request", "deny"}));
  EXPECT_TRUE(config.BackendHas("b", {"http-request", "deny"}));
  EXPECT_FALSE(config.BackendHas("c", {"http-request", "deny"}));
  EXPECT_FALSE(config.BackendHas("d", {"http-request", "deny"}));
}

TEST(ForeignConfigTest, TimesInAnyUnitAndWordsOfServers) {
  const ForeignConfig config(
      "backend a\n  timeout server 2m\n  server own 10.0.0.1:80\n"
      "  server drv1 10.0.0.2:80 slowstart 10s maxconn 5\n  server-template drv 2-9 127.0.0.1:1 maxconn 5 "
      "slowstart 10000\n"
      "backend b\n  server drv1 10.0.0.2:80\n  default-server maxconn 5\n  server drv2 10.0.0.2:80\n");
  EXPECT_TRUE(config.BackendHas("a", {"timeout", "server", "120000ms"}));
  EXPECT_FALSE(config.BackendHas("a", {"timeout", "server", "2s"}));
  EXPECT_TRUE(config.ServersHave("a", {"slowstart", "10000ms"}));
  EXPECT_TRUE(config.ServersHave("a", {"maxconn", "5"}));
  EXPECT_FALSE(config.ServersHave("a", {"maxconn", "6"}));
  EXPECT_FALSE(config.ServersHave("b", {"maxconn", "5"}));  // drv1 stands before
}

TEST(ForeignConfigTest, OptionsComeFromTheDefaultsInForceOrNamed) {
  const ForeignConfig config(
      "defaults\n  option redispatch\n"
      "backend on\nbackend off\n  no option redispatch\n"
      "defaults plain\n  mode http\n"
      "backend plain1\nbackend own\n  option redispatch 1\n"
      "defaults first\n  option redispatch 2\n"
      "defaults second from first\n  mode tcp\n"
      "backend inherits from second\nbackend named from plain\n");
  for (const char* backend : {"on", "own", "inherits"}) {
    EXPECT_TRUE(config.OptionIsOn(backend, "redispatch")) << backend;
  }
  for (const char* backend : {"off", "plain1", "named", "nowhere"}) {
    EXPECT_FALSE(config.OptionIsOn(backend, "redispatch")) << backend;
  }
}

}  // namespace
}  // namespace drover::agent
