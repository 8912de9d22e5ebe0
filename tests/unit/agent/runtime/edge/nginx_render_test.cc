#include "agent/runtime/edge/nginx/render.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

NginxOptions NginxTestOptions() {
  NginxOptions options;
  options.dir = "/run/drover/nginx";
  return options;
}

EdgeSet NginxSet(uint32_t handle, const std::string& service, std::vector<EdgeListener> listeners,
                 bool http = true) {
  EdgeSet set;
  set.handle = handle;
  set.stack = "shop";
  set.service = service;
  set.target = 8000;
  set.http = http;
  set.listeners = std::move(listeners);
  return set;
}

EdgeListener At(uint32_t port, const std::string& host = "", const std::string& path = "",
                const std::string& tls_path = "") {
  return {.bind = "", .port = port, .host = host, .path = path, .tls_path = tls_path};
}

std::string Rendered(const std::vector<EdgeSet>& sets) {
  return RenderNginxConfig(NginxTestOptions(), ArrangeSets(sets, "0.0.0.0", "a foreign one"),
                           "load_module /m.so;\n", {.port = 7420, .name = "drover", .generation = "42"});
}

// The part of a file from `start` to the next line that is `end`.
std::string Part(const std::string& text, const std::string& start, const std::string& end) {
  const size_t at = text.find(start);
  return at == std::string::npos ? "" : text.substr(at, text.find(end, at) - at);
}

TEST(NginxRenderTest, R4_4_AtZeroASetIsRefusedWhereItIsHeard) {
  EdgeSet web = NginxSet(1, "web", {At(8080)});
  web.hold = absl::Seconds(30);
  EdgeSet tcp = NginxSet(2, "tcp", {At(9000)}, /*http=*/false);
  tcp.hold = absl::Seconds(30);
  const EdgeSet api = NginxSet(3, "api", {At(8081)});  // never at zero
  const std::string web_at = WakeAddress({.set = &web, .backend = "shop.web.8000"});
  EXPECT_NE(web_at, WakeAddress({.set = &tcp, .backend = "shop.tcp.8000"}));
  const std::string log = "access_log syslog:server=127.0.0.1:7420,nohostname,tag=drover drover.shop.";
  std::string text = Rendered({web, tcp, api});
  EXPECT_THAT(text, HasSubstr("log_format drover.shop.web.8000 " + web_at + ";"));
  EXPECT_THAT(text, HasSubstr("listen " + web_at + ":7420;\n    " + log + "web.8000;"));
  EXPECT_THAT(text, HasSubstr("server " + web_at + ":7420;"));
  EXPECT_THAT(text, HasSubstr(log + "tcp.8000;\n    proxy_pass shop.tcp.8000;"));
  EXPECT_THAT(text, HasSubstr("server 127.0.0.1:7420;"));
  EXPECT_THAT(text, Not(HasSubstr(log + "api")));
  for (EdgeSet* set : {&web, &tcp}) {
    set->backends = {{.replica = ReplicaId(1), .address = "10.0.0.5", .port = 20001, .drain = false}};
  }
  EXPECT_THAT(Rendered({web, tcp}), Not(HasSubstr("tag=drover")));
}

TEST(NginxRenderTest, ReplicasInRotationAndOthersNot) {
  EdgeSet web = NginxSet(1, "web", {At(8080)});
  web.backends = {{.replica = ReplicaId(1), .address = "10.0.0.5", .port = 20001, .drain = false},
                  {.replica = ReplicaId(2), .address = "fd00::6", .port = 20002, .drain = false},
                  {.replica = ReplicaId(3), .address = "10.0.0.7", .port = 20003, .drain = true}};
  const std::string text = Rendered({web});
  EXPECT_EQ(Part(text, "  upstream", "  server {"),
            "  upstream shop.web.8000 {\n    zone drover.shop.web.8000 64k;\n    least_conn;\n"
            "    server 10.0.0.5:20001 max_fails=1 fail_timeout=1s;\n"
            "    server [fd00::6]:20002 max_fails=1 fail_timeout=1s;\n  }\n");
  EXPECT_THAT(text, HasSubstr("location = /drover-generation { return 200 \"drover 42\"; }"));
  EXPECT_THAT(text, Not(HasSubstr("keepalive ")));
  EXPECT_THAT(text, Not(HasSubstr("stream {")));
  EXPECT_THAT(text, Not(HasSubstr("load_module")));
  EXPECT_EQ(MarkerPortOf(text), 7420u);
  EXPECT_EQ(MarkerPortOf("no marker"), 0u);
}

TEST(NginxRenderTest, AnUpstreamIsNeverEmpty) {
  const std::string text = Rendered({NginxSet(1, "web", {At(8080)}), NginxSet(2, "db", {At(5432)}, false)});
  EXPECT_THAT(Part(text, "upstream shop.web.8000", "}"), HasSubstr("server 127.0.0.1:7420;"));
  EXPECT_THAT(text, HasSubstr("location / { add_header Retry-After 1 always; return 503; }"));
  EXPECT_THAT(Part(text, "upstream shop.db.8000", "}"), HasSubstr("server 127.0.0.1:1 down;"));
  EXPECT_THAT(text, HasSubstr("load_module /m.so;"));
  EXPECT_THAT(Part(text, "stream {", "no end"),
              HasSubstr("listen 0.0.0.0:5432;\n    proxy_pass shop.db.8000;"));
}

TEST(NginxRenderTest, AHostsOwnRoutesComeBeforeThoseOfAnyHost) {
  const std::string text =
      Rendered({NginxSet(1, "all", {At(80)}), NginxSet(2, "deep", {At(80, "", "/api/v2")}),
                NginxSet(3, "api", {At(80, "Shop.example.com", "/api/")})});
  const std::string any = Part(text, "default_server", "\n  }");
  EXPECT_THAT(any,
              HasSubstr("location / { set $drover_set shop.all.8000; proxy_pass http://shop.all.8000; }"));
  EXPECT_THAT(
      any,
      HasSubstr(
          "location = \"/api/v2\" { set $drover_set shop.deep.8000; proxy_pass http://shop.deep.8000; }"));
  const std::string shop = Part(text, "server_name shop.example.com;", "\n  }");
  EXPECT_THAT(
      shop,
      HasSubstr("location \"/api/\" { set $drover_set shop.api.8000; proxy_pass http://shop.api.8000; }"));
  EXPECT_THAT(shop,
              HasSubstr("location / { set $drover_set shop.all.8000; proxy_pass http://shop.all.8000; }"));
  EXPECT_THAT(shop, Not(HasSubstr("shop.deep.8000")));  // below /api, which the host has
}

TEST(NginxRenderTest, UnknownHostsGetNothingOfOthers) {
  const std::string text = Rendered({NginxSet(1, "web", {At(443, "a.example.com", "", "/c/a.pem")})});
  const std::string unknown = Part(text, "listen 0.0.0.0:443 ssl default_server;", "\n  }");
  EXPECT_THAT(unknown, HasSubstr("location / { return 503; }"));
  EXPECT_THAT(unknown, HasSubstr("ssl_certificate \"/c/a.pem\";\n    ssl_certificate_key \"/c/a.pem\";"));
  EXPECT_THAT(unknown, Not(HasSubstr("proxy_pass")));
}

TEST(NginxRenderTest, WhatNginxCannotDoIsSaid) {
  EdgeSet set = NginxSet(1, "web", {At(80)});
  EXPECT_EQ(UnmetByNginx(set), "");
  set.hold = absl::Seconds(5);
  EXPECT_THAT(UnmetByNginx(set), HasSubstr("holds no requests"));
  set.maxconn = 3;
  EXPECT_THAT(UnmetByNginx(set), HasSubstr("maxconn is not kept"));
  EXPECT_EQ(WhyNotForNginx(At(80, "a-b.example.com")), "");
  EXPECT_THAT(WhyNotForNginx(At(80, "x; return 200")), HasSubstr("plain name"));
}

TEST(NginxRenderTest, TextOfOthersCannotLeaveItsPlace) {
  const std::string text = Rendered({NginxSet(1, "we\"b;}", {At(80, "", "/a\" {}\n;")})});
  EXPECT_THAT(text, HasSubstr("upstream shop.we_b__.8000 {"));
  EXPECT_THAT(text, HasSubstr("location = \"/a\\\" {};\" {"));
}

TEST(NginxRenderTest, SetsThatRouteAlikeAreOne) {
  const std::vector<EdgeSet> sets = {NginxSet(1, "web", {At(80)}), NginxSet(1, "web", {At(81)}),
                                     NginxSet(1, "web", {At(80, "", "", "/c.pem")})};
  const auto identity = [](const EdgeSet& set) {
    return NginxSetIdentity(ArrangeSets({set}, "0.0.0.0", "").front());
  };
  EdgeSet more = sets[0];
  more.backends = {{.replica = ReplicaId(1), .address = "10.0.0.5", .port = 1, .drain = false}};
  EdgeSet drained = sets[0];
  drained.backends = {{.replica = ReplicaId(1), .address = "10.0.0.5", .port = 1, .drain = true}};
  EXPECT_NE(identity(sets[0]), identity(sets[1]));
  EXPECT_NE(identity(sets[0]), identity(sets[2]));
  EXPECT_NE(identity(sets[0]), identity(more));
  EXPECT_EQ(identity(sets[0]), identity(drained));
}

TEST(NginxRenderTest, R6_6_AnIncludeIsOneUpstreamAndTheMarker) {
  EdgeSet set = NginxSet(1, "web", {});
  set.attach = "web";
  const std::string text = RenderNginxInclude({.set = &set, .backend = "web"},
                                              {.port = 7420, .name = "drover-web", .generation = "7"});
  EXPECT_THAT(text, HasSubstr("upstream web {"));
  EXPECT_THAT(text, HasSubstr("server 127.0.0.1:7420;"));
  EXPECT_THAT(text, HasSubstr("server_name drover-web;"));
  const std::string snippet = NginxAttachSnippet("web", "/etc/nginx/drover", 7420);
  EXPECT_THAT(snippet, HasSubstr("include /etc/nginx/drover/*.conf;"));
  EXPECT_THAT(snippet, HasSubstr("access_log syslog:server=127.0.0.1:7520,nohostname drover-times.web;"));
}

}  // namespace
}  // namespace drover::agent
