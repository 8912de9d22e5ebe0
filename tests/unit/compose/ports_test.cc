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

std::string PullFault(const std::string& edges) {
  const auto result =
      LoadText(absl::StrCat("services: {web: {image: i, deploy: {x-edge: [", edges, "]}}}\n"));
  return Faults(result).empty() ? "" : Faults(result)[0];
}

TEST(PortsTest, R6_1_WhoPullsIsNamedWithItsDelay) {
  const auto web = ServiceOf(
      LoadText(
          "services: {web: {image: i, deploy: {x-edge: ["
          "{pull: traefik1, delay: 4s, host: shop.example.com, path: /api, on: [websecure], target: 8000},"
          "{pull: xds, target: 9000}]}}}"),
      "web");
  ASSERT_EQ(web.edges_size(), 2);
  EXPECT_EQ(web.edges(0).pull(), "traefik1");
  EXPECT_EQ(web.edges(0).delay().seconds(), 4);
  EXPECT_EQ(web.edges(0).host(), "shop.example.com");
  EXPECT_EQ(web.edges(0).path(), "/api");
  EXPECT_THAT(web.edges(0).on(), ElementsAre("websecure"));
  EXPECT_FALSE(web.edges(1).has_delay());
  EXPECT_THAT(web.routed_ports(), ElementsAre(8000, 9000));
}

TEST(PortsTest, HowReplicasAreTreatedIsSaidInXEdge) {
  const auto web = ServiceOf(
      LoadText("services: {web: {image: i, deploy: {x-edge: ["
               "{listen: 80, target: 8000, app_protocol: http, sticky: cookie, weight: node.labels.power,"
               " slow_start: 30s, timeout: 5m, check: /healthz, drain: {request: 1m, tunnel: 10m}},"
               "{listen: 81, target: 8001, app_protocol: grpc, sticky: source, drain: 90s}]}}}"),
      "web");
  ASSERT_EQ(web.edges_size(), 2);
  EXPECT_EQ(web.edges(0).sticky(), "cookie");
  EXPECT_EQ(web.edges(0).weight_label(), "power");
  EXPECT_EQ(web.edges(0).slow_start().seconds(), 30);
  EXPECT_EQ(web.edges(0).timeout().seconds(), 300);
  EXPECT_EQ(web.edges(0).check(), "/healthz");
  EXPECT_EQ(web.edges(0).drain_request().seconds(), 60);
  EXPECT_EQ(web.edges(0).drain_tunnel().seconds(), 600);
  EXPECT_TRUE(web.edges(0).http());
  EXPECT_FALSE(web.edges(0).h2());
  EXPECT_TRUE(web.edges(1).http());
  EXPECT_TRUE(web.edges(1).h2());
  EXPECT_EQ(web.edges(1).drain_request().seconds(), 90);
  EXPECT_EQ(web.edges(1).drain_tunnel().seconds(), 90);
}

TEST(PortsTest, HowReplicasAreTreatedIsRefusedWithWhatWouldBeRight) {
  const auto fault = [](const std::string& key) {
    return PullFault(absl::StrCat("{listen: 80, target: 80, ", key, "}"));
  };
  EXPECT_THAT(fault("sticky: ip"), HasSubstr("cookie"));
  EXPECT_THAT(fault("weight: 3"), HasSubstr("write node.labels.NAME"));
  EXPECT_THAT(fault("weight: node.labels."), HasSubstr("write node.labels.NAME"));
  EXPECT_THAT(fault("slow_start: 0s"), HasSubstr("slow_start must be more than 0; write for example 30s"));
  EXPECT_THAT(fault("timeout: 0s"), HasSubstr("timeout must be more than 0"));
  EXPECT_THAT(fault("drain: 0s"), HasSubstr("`{request: 1m, tunnel: 10m}`"));
  EXPECT_THAT(fault("drain: {tunel: 1m}"), HasSubstr("tunnel"));
  EXPECT_THAT(fault("check: healthz"), HasSubstr("write \"/healthz\""));
  EXPECT_THAT(fault("app_protocol: udp"), HasSubstr("grpc"));
  EXPECT_THAT(PullFault("{pull: t, target: 80, sticky: cookie}"), HasSubstr("sticky is not passed on"));
}

TEST(PortsTest, WhatDoesNotGoWithPull) {
  EXPECT_EQ(PullFault("{pull: t, target: 80, delay: 0s}"), "");
  EXPECT_THAT(PullFault("{pull: t, listen: 443, target: 80}"), HasSubstr("write an entry for each"));
  EXPECT_THAT(PullFault("{pull: t, attach: b, target: 80}"), HasSubstr("write an entry for each"));
  EXPECT_THAT(PullFault("{target: 80}"), HasSubstr("`pull: NAME`"));
  EXPECT_THAT(PullFault("{pull: t, maxconn: 4, target: 80}"), HasSubstr("maxconn is not passed on"));
  EXPECT_THAT(PullFault("{pull: t, tls: /a.pem, target: 80}"), HasSubstr("tls is not passed on"));
  EXPECT_THAT(PullFault("{pull: t, delay: -1s, target: 80}"), HasSubstr("; "));
  EXPECT_THAT(PullFault("{listen: 80, delay: 1s, target: 80}"), HasSubstr("delay is for who pulls"));
  EXPECT_THAT(PullFault("{pull: xds, host: a.example, target: 80}"), HasSubstr("host has no meaning"));
  EXPECT_THAT(PullFault("{pull: \"\", target: 80}"), HasSubstr("pull is empty"));
  EXPECT_THAT(
      Faults(LoadText("services:\n  a: {image: i, deploy: {x-edge: [{pull: t, host: h, target: 1}]}}\n"
                      "  b: {image: i, deploy: {x-edge: [{pull: t, host: h, target: 1}]}}\n")),
      ElementsAre(HasSubstr("h at t is also published by a")));
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
              ElementsAre("3:17: port 80 is also published by a; choose another"));
}

}  // namespace
}  // namespace drover::compose
