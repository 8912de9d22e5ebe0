#include "agent/runtime/edge/haproxy/render.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

EdgeSet Set(uint32_t handle, const std::string& service, std::vector<EdgeListener> listeners,
            bool http = true) {
  EdgeSet set;
  set.handle = handle;
  set.stack = "shop";
  set.service = service;
  set.target = 8000;
  set.http = http;
  set.slots = 4;
  set.listeners = std::move(listeners);
  return set;
}

EdgeListener Listen(uint32_t port, const std::string& host = "", const std::string& path = "",
                    const std::string& tls = "") {
  return {.bind = "", .port = port, .host = host, .path = path, .tls_path = tls};
}

HaproxyOptions Options() {
  HaproxyOptions options;
  options.dir = "/run/drover/edge";
  return options;
}

TEST(RenderTest, WholeFile) {
  EdgeSet web = Set(1, "web", {Listen(8080), Listen(443, "", "", "/etc/drover/certs/shop.pem")});
  web.maxconn = 16;
  web.hold = absl::Seconds(30);
  web.max_held = 500;
  EdgeSet api = Set(2, "api", {Listen(443, "Shop.example.com", "/api/", "/etc/drover/certs/shop.pem")});
  EdgeSet db = Set(3, "db", {Listen(5432)}, false);
  db.slots = 1;
  db.hold = absl::Minutes(2);
  db.max_held = 20;
  const SlotRows rows = {{"shop.web.8000",
                          {{"drv1", "127.0.0.1", 1, 0, 5, 1, 1},
                           {"drv2", "10.0.0.5", 20001, 2, 4, 1, 1},
                           {"drv4", "10.0.0.6", 20007, 2, 1, 1, 1}}},
                         {"shop.db.8000", {{"drv1", "fd00::5", 20002, 2, 0, 1, 1}}}};
  const std::vector<EdgeSet> sets = {web, api, db};
  EXPECT_EQ(RenderConfig(Options(), ArrangeSets(sets, "0.0.0.0", "a foreign one"), rows, "drover-1"),
            R"(# Written by drover-agent, and written again when anything changes: edits are lost.
global
  description drover-1
  stats socket '/run/drover/edge/stats.sock' mode 600 level admin expose-fd listeners
  stats timeout 10m
  hard-stop-after 70000ms
  lua-load-per-thread '/run/drover/edge/hold.lua'

defaults
  balance leastconn
  option redispatch 1
  retries 3
  timeout connect 1s
  timeout queue 30s
  timeout client 60000ms
  timeout server 60000ms
  timeout tunnel 3600000ms

frontend port_0.0.0.0:443
  mode http
  bind 0.0.0.0:443 ssl crt '/etc/drover/certs/shop.pem' alpn h2,http/1.1
  log 'unix@/run/drover/edge/requests.sock' len 512 format raw local0 info
  option dontlognull
  log-format "%b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST"
  http-request set-log-level silent
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  acl host_1 req.hdr(host),field(1,:),lower -m str 'shop.example.com'
  acl path_1 path -m str '/api'
  acl path_1 path -m beg '/api/'
  use_backend shop.api.8000 if host_1 path_1
  default_backend shop.web.8000

frontend port_0.0.0.0:5432
  mode tcp
  bind 0.0.0.0:5432
  timeout client 121000ms
  default_backend shop.db.8000

frontend port_0.0.0.0:8080
  mode http
  bind 0.0.0.0:8080
  log 'unix@/run/drover/edge/requests.sock' len 512 format raw local0 info
  option dontlognull
  log-format "%b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST"
  http-request set-log-level silent
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  default_backend shop.web.8000

backend shop.web.8000
  mode http
  retry-on conn-failure
  http-request set-var(txn.drover_rate) be_sess_rate
  http-request set-log-level info if { rand(10000),mul(txn.drover_rate) lt 2500000 }
  http-request return status 503 content-type text/plain hdr Retry-After 5 string "no replica is ready\n" if { nbsrv eq 0 } { be_conn gt 500 }
  http-request lua.hold 30000 '/run/drover/edge/held.sock' if { nbsrv eq 0 }
  http-request return status 503 content-type text/plain hdr Retry-After 5 string "no replica is ready\n" if { nbsrv eq 0 }
  default-server check inter 500ms fall 2 rise 1 maxconn 16 pool-purge-delay 1s
  server-template drv 1-1 127.0.0.1:1 disabled
  server drv2 10.0.0.5:20001
  server-template drv 3-3 127.0.0.1:1 disabled
  server drv4 10.0.0.6:20007 disabled

backend shop.api.8000
  mode http
  retry-on conn-failure
  http-request set-var(txn.drover_rate) be_sess_rate
  http-request set-log-level info if { rand(10000),mul(txn.drover_rate) lt 2500000 }
  default-server check inter 500ms fall 2 rise 1 pool-purge-delay 1s
  server-template drv 1-4 127.0.0.1:1 disabled

backend shop.db.8000
  mode tcp
  tcp-request inspect-delay 121000ms
  tcp-request content reject if { nbsrv eq 0 } { be_conn gt 20 }
  tcp-request content lua.hold 120000 '/run/drover/edge/held.sock' if { nbsrv eq 0 }
  default-server check inter 500ms fall 2 rise 1 pool-purge-delay 1s
  server drv1 [fd00::5]:20002
)");
}

TEST(RenderTest, HowReplicasAreTreated) {
  EdgeSet set = Set(1, "web", {Listen(443, "", "", "/a.pem")});
  set.maxconn = 8;
  set.traffic.sticky = EdgeTraffic::Sticky::kCookie;
  set.traffic.weighted = true;
  set.traffic.slow_start = absl::Seconds(30);
  set.traffic.timeout = absl::Hours(2);
  set.traffic.h2 = true;
  set.traffic.check = "/it's";
  EXPECT_EQ(
      RenderTraffic(set),
      "  cookie drover-shop.web.8000 insert indirect nocache httponly secure dynamic attr SameSite=Lax\n"
      "  dynamic-cookie-key shop.web.8000\n"
      "  option httpchk\n"
      "  http-check send meth GET uri '/it'\\''s' ver HTTP/1.1 hdr Host localhost\n"
      "  http-check expect status 200-399\n"
      "  timeout server 7200000ms\n"
      "  timeout tunnel 7200000ms\n");
  EXPECT_EQ(RenderServerOptions(set),
            "check inter 500ms fall 2 rise 1 maxconn 8 weight 1 slowstart 30000ms proto h2");
  const std::string config =
      RenderConfig(Options(), ArrangeSets({set}, "0.0.0.0", ""),
                   {{"shop.web.8000", {{"drv1", "10.0.0.5", 20001, 2, 4, 7, 1}}}}, "x");
  EXPECT_THAT(config, HasSubstr("  server drv1 10.0.0.5:20001 weight 7\n"));
  EXPECT_THAT(config, HasSubstr("  timeout client 7200000ms\n  log "));
  EXPECT_THAT(config, HasSubstr("  hard-stop-after 7210000ms\n"));
  set.traffic = EdgeTraffic();
  set.traffic.sticky = EdgeTraffic::Sticky::kSource;
  EXPECT_EQ(RenderTraffic(set), "  balance source\n  hash-type consistent\n");
}

TEST(RenderTest, LongerPathsAreTriedFirst) {
  const std::vector<EdgeSet> sets = {Set(1, "root", {Listen(80)}), Set(2, "a", {Listen(80, "", "/a")}),
                                     Set(3, "b", {Listen(80, "", "/a/b")})};
  const std::string text = RenderConfig(Options(), ArrangeSets(sets, "0.0.0.0", "a foreign one"), {}, "x");
  EXPECT_LT(text.find("use_backend shop.b.8000"), text.find("use_backend shop.a.8000"));
  EXPECT_LT(text.find("use_backend shop.a.8000"), text.find("default_backend shop.root.8000"));
}

TEST(RenderTest, TextOfUsersCannotLeaveItsQuotes) {
  const std::vector<EdgeSet> sets = {Set(1, "web", {Listen(80, "a'b\n  bind :1", "")})};
  EXPECT_THAT(RenderConfig(Options(), ArrangeSets(sets, "0.0.0.0", "a foreign one"), {}, "x"),
              HasSubstr("-m str 'a'\\''b  bind :1'\n"));
}

TEST(RenderTest, ContradictionsNameBothSidesAndTheFirstStays) {
  const std::vector<EdgeSet> sets = {Set(1, "a", {Listen(80)}), Set(2, "b", {Listen(80)}),
                                     Set(3, "c", {Listen(80)}, false),
                                     Set(4, "d", {Listen(80, "x", "", "/cert.pem")})};
  const std::vector<RenderedSet> arranged = ArrangeSets(sets, "0.0.0.0", "a foreign one");
  EXPECT_EQ(arranged[0].error, "");
  EXPECT_EQ(arranged[1].error, "port 80 is already used by shop/a with the same host and path");
  EXPECT_THAT(arranged[2].error,
              HasSubstr("port 80 is already used by shop/a, and plain TCP cannot share a port"));
  EXPECT_THAT(arranged[3].error, HasSubstr("port 80 is already used by shop/a without TLS"));
  EXPECT_EQ(arranged[1].listeners.size(), 0u);
}

TEST(RenderTest, AttachNeedsAForeignBalancer) {
  std::vector<EdgeSet> sets = {Set(1, "a", {Listen(80)})};
  sets[0].attach = "shop_web";
  const std::vector<RenderedSet> arranged = ArrangeSets(sets, "0.0.0.0", "a foreign one");
  EXPECT_THAT(arranged[0].error, HasSubstr("needs a foreign one"));
  EXPECT_EQ(RenderConfig(Options(), arranged, {}, "x").find("backend shop"), std::string::npos);
}

TEST(RenderTest, BackendsOfOneNameAreKeptApart) {
  std::vector<EdgeSet> sets = {Set(1, "a", {}), Set(2, "a", {})};
  const std::vector<RenderedSet> arranged = ArrangeSets(sets, "0.0.0.0", "a foreign one");
  EXPECT_EQ(arranged[0].backend, "shop.a.8000");
  EXPECT_EQ(arranged[1].backend, "shop.a.8000_2");
}

}  // namespace
}  // namespace drover::agent
