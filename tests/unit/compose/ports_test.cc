#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Describe(const v1::PortSpec& p) {
  return absl::StrCat(p.host_ip(), p.host_ip().empty() ? "" : " ", p.published(), ">", p.target(),
                      p.protocol() == v1::PROTOCOL_UDP ? "/udp" : "", p.host_mode() ? " host" : "",
                      p.http() ? " http" : "");
}

std::string PortsOf(const std::string& ports, const std::string& more = "") {
  const auto result =
      LoadText(absl::StrCat("services:\n  web:\n    image: i\n    ports: ", ports, "\n", more));
  if (!Faults(result).empty()) {
    return Faults(result)[0];
  }
  std::vector<std::string> out;
  const v1::ServiceSpec web = ServiceOf(result, "web");
  for (const auto& port : web.ports()) {
    out.push_back(Describe(port));
  }
  return absl::StrJoin(out, ", ");
}

TEST(PortsTest, EveryForm) {
  EXPECT_EQ(PortsOf("[\"8080:80\"]"), "8080>80");
  EXPECT_EQ(PortsOf("[8080:80]"), "8080>80");
  EXPECT_EQ(PortsOf("[\"80\"]"), "0>80");
  EXPECT_EQ(PortsOf("[\"0.0.0.0:8080:80/tcp\"]"), "8080>80");
  EXPECT_EQ(PortsOf("[\"10.0.0.1:8080:80\"]"), "10.0.0.1 8080>80");
  EXPECT_EQ(PortsOf("[\"[::1]:8080:80\"]"), "::1 8080>80 host");
  EXPECT_EQ(PortsOf("[\"[2001:db8::1]:8080:80\"]"), "2001:db8::1 8080>80");
  EXPECT_EQ(PortsOf("[\"3000-3002:4000-4002\"]"), "3000>4000, 3001>4001, 3002>4002");
  EXPECT_EQ(PortsOf("[\"9000-9001\"]"), "0>9000, 0>9001");
  EXPECT_EQ(PortsOf("[\"8000-9000:80\"]"), "8000>80");
  EXPECT_EQ(PortsOf("[{target: 80, published: \"8080\", app_protocol: http}]"), "8080>80 http");
  EXPECT_EQ(PortsOf("[{target: 53, published: 53, protocol: udp, mode: host}]"), "53>53/udp host");
}

TEST(PortsTest, Faults) {
  for (const char* bad :
       {"[\"x:80\"]", "[\"70000:80\"]", "[\"80:\"]", "[\"1-2:3-5\"]", "[\"80/sctp\"]", "[{published: 1}]",
        "[{target: 80, mode: host}]", "8080:80", "[[80]]", "[\"[::1:80\"]"}) {
    EXPECT_THAT(PortsOf(bad), HasSubstr("; ")) << bad;
  }
}

TEST(PortsTest, R8_2_LoopbackBindsOnTheReplicasHost) {
  EXPECT_EQ(PortsOf("[\"127.0.0.1:8080:80\"]"), "127.0.0.1 8080>80 host");
}

TEST(PortsTest, R8_2_DatastorePortsNeedIngressWrittenOut) {
  EXPECT_EQ(PortsOf("[\"6379:6379\"]"), "0>6379");
  EXPECT_EQ(PortsOf("[\"15432:5432\"]"), "0>5432");
  EXPECT_EQ(PortsOf("[{target: 6379, published: 6379, mode: ingress}]"), "6379>6379");
  const auto result = LoadText("services: {r: {image: i, ports: [\"6379:6379\"]}}");
  EXPECT_THAT(Warnings(result),
              ElementsAre(HasSubstr("port 6379 is not published: 6379 is a datastore's port; write "
                                    "the long form with mode: ingress")));
}

TEST(PortsTest, R8_2_PinnedAndSingletonServicesNeedIngressWrittenOut) {
  const std::string volume = "    volumes: [\"d:/d\"]\nvolumes: {d: }\n";
  EXPECT_EQ(PortsOf("[\"80:80\"]", volume), "0>80");
  EXPECT_EQ(PortsOf("[{target: 80, published: 80, mode: ingress}]", volume), "80>80");
  EXPECT_EQ(PortsOf("[{target: 80, published: 80, mode: host}]", volume), "80>80 host");
  EXPECT_EQ(PortsOf("[\"80:80\"]", "    deploy: {x-singleton: true}\n"), "0>80");
}

TEST(PortsTest, R8_1_UdpIsNotBalanced) {
  const auto result = LoadText("services: {dns: {image: i, ports: [\"53:53/udp\"]}}");
  EXPECT_THAT(ServiceOf(result, "dns").ports(), IsEmpty());
  EXPECT_THAT(Warnings(result),
              ElementsAre(HasSubstr("port 53/udp is not published: the edge balances TCP only")));
}

TEST(PortsTest, RoutedPortsAreWhatTrafficMayReach) {
  const auto web =
      ServiceOf(LoadText("services: {web: {image: i, ports: [\"81:8001\", \"80:8000\", \"127.0.0.1:1:2\"],"
                         " deploy: {x-edge: [{listen: 443, target: 9000}]}}}"),
                "web");
  EXPECT_THAT(web.routed_ports(), ElementsAre(8000, 8001, 9000));
}

TEST(PortsTest, R4_3_AQueueInsideTheStackIsRouted) {
  const auto result = LoadText(
      "x-queues: {jobs: {redis: \"redis://redis:6379\", key: jobs}}\n"
      "services: {redis: {image: redis}}\n");
  EXPECT_THAT(ServiceOf(result, "redis").routed_ports(), ElementsAre(6379));
}

TEST(PortsTest, OnePortForTwoServicesIsAFault) {
  EXPECT_THAT(Faults(LoadText(
                  "services:\n  a: {image: i, ports: [\"80:80\"]}\n  b: {image: i, ports: [\"80:81\"]}\n")),
              ElementsAre("3:17: port 80 is also published by a; choose another port"));
}

}  // namespace
}  // namespace drover::compose
