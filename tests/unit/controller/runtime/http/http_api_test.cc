// Every route over a real server on loopback, with a fake loop and fake agents behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "controller/runtime/convert.h"
#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class HttpApiTest : public testing::Test {
 protected:
  HttpApiTest() {
    EXPECT_TRUE(test_.server->Start().ok());
    client_ = std::make_unique<httplib::Client>("127.0.0.1", test_.server->port());
    client_->set_keep_alive(true);
  }

  json Get(const std::string& path, int status = 200) {
    const auto result = client_->Get(path);
    return Body(result, path, status);
  }

  json Send(const std::string& method, const std::string& path, const std::string& body, int status = 200,
            const std::string& type = "application/json") {
    const auto result = method == "PUT" ? client_->Put(path, body, type) : client_->Post(path, body, type);
    return Body(result, path, status);
  }

  static json Body(const httplib::Result& result, const std::string& path, int status) {
    EXPECT_TRUE(result) << path << ": " << httplib::to_string(result.error());
    if (!result) {
      return json();
    }
    EXPECT_EQ(result->status, status) << path << ": " << result->body;
    EXPECT_EQ(result->get_header_value("Content-Type"), "application/json") << path;
    const json body = json::parse(result->body, nullptr, false);
    EXPECT_FALSE(body.is_discarded()) << result->body;
    if (status >= 400) {
      EXPECT_FALSE(body.value("code", "").empty()) << result->body;
      EXPECT_FALSE(body.value("message", "").empty()) << result->body;
    }
    return body;
  }

  template <typename T>
  T OnlyCall() {
    EXPECT_EQ(test_.loop->calls.size(), 1U);
    return std::get<T>(test_.loop->calls.at(0));
  }

  TestServer test_;
  std::unique_ptr<httplib::Client> client_;
};

// ---- reads ------------------------------------------------------------------------------------------

TEST_F(HttpApiTest, Version) {
  const json body = Get("/v1/version");
  EXPECT_EQ(body["version"], DROVER_VERSION);
  EXPECT_EQ(body["clusterId"], "00000000000000c1");
  EXPECT_EQ(body["epoch"], "7");
  EXPECT_EQ(body["ready"], true);
}

TEST_F(HttpApiTest, Stacks) {
  const json list = Get("/v1/stacks");
  ASSERT_EQ(list["stacks"].size(), 1U);
  EXPECT_EQ(list["stacks"][0]["services"][0]["name"], "web");
  const json stack = Get("/v1/stacks/shop");
  EXPECT_EQ(stack["revision"], "3");
  EXPECT_TRUE(stack.contains("spec"));
  EXPECT_THAT(Get("/v1/stacks/shup", 404)["message"], HasSubstr("there are: shop"));
}

TEST_F(HttpApiTest, Services) {
  EXPECT_EQ(Get("/v1/services")["services"].size(), 1U);
  EXPECT_EQ(Get("/v1/services?stack=shop")["services"].size(), 1U);
  EXPECT_EQ(Get("/v1/services?stack=other")["services"].size(), 0U);
  const json web = Get("/v1/services/shop/web");
  EXPECT_EQ(web["desired"], 2);
  EXPECT_EQ(web["ready"], 1);
  EXPECT_EQ(web["pending"], 1);
  EXPECT_EQ(web["min"], 1);
  EXPECT_EQ(web["max"], 9);
  EXPECT_EQ(web["signals"][0]["value"], 85);
  EXPECT_EQ(web["ports"][0]["published"], 8080);
  EXPECT_EQ(web["status"], "scaling 1 -> 2");
  EXPECT_THAT(Get("/v1/services/shop/wob", 404)["message"], HasSubstr("shop/web"));
}

TEST_F(HttpApiTest, Why) {
  EventRecord other;
  other.id = 1;
  other.service = {.stack = "shop", .service = "db"};
  test_.loop->Happen(other);
  for (uint64_t id = 2; id < 20; ++id) {
    EventRecord event;
    event.id = id;
    event.type = "decision";
    event.service = {.stack = "shop", .service = "web"};
    test_.loop->Happen(event);
  }
  const json why = Get("/v1/services/shop/web/why");
  EXPECT_EQ(why["decision"]["reason"], "DesiredWithinRange");
  EXPECT_EQ(why["decision"]["summary"], "1 -> 2: DesiredWithinRange (cpu: ceil(1 × 85 / 60) = 2)");
  EXPECT_THAT(why["decision"]["text"].get<std::string>(), HasSubstr("shop/web 1 -> 2"));
  EXPECT_EQ(why["replicas"].size(), 2U);
  ASSERT_EQ(why["recent"].size(), 10U);
  EXPECT_EQ(why["recent"][0]["id"], "19");
  EXPECT_EQ(why["blocked"][0], "pending: no node has 1 CPU free");
  Get("/v1/services/shop/none/why", 404);
}

TEST_F(HttpApiTest, Replicas) {
  const json list = Get("/v1/replicas?stack=shop&service=web")["replicas"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["id"], "00000000000000a1");
  EXPECT_EQ(list[0]["state"], "READY");
  EXPECT_EQ(list[0]["nodeName"], "host-n1");
  EXPECT_EQ(list[0]["cpuMilli"], 250);
  EXPECT_FALSE(list[0].contains("memoryKib")) << "unknown is absent, never zero";
  EXPECT_EQ(Get("/v1/replicas?service=none")["replicas"].size(), 0U);
}

TEST_F(HttpApiTest, NodesAndOrphans) {
  EXPECT_EQ(Get("/v1/nodes")["nodes"].size(), 2U);
  for (const char* name : {"n1", "host-n1"}) {
    const json node = Get(std::string("/v1/nodes/") + name);
    EXPECT_EQ(node["status"], "UP");
    EXPECT_EQ(node["replicaList"].size(), 1U);
  }
  Get("/v1/nodes/none", 404);
  const json orphans = Get("/v1/orphans")["orphans"];
  ASSERT_EQ(orphans.size(), 1U);
  EXPECT_EQ(orphans[0]["nodeName"], "host-n2");
}

TEST_F(HttpApiTest, EdgeChecks) {
  const std::string path = "/v1/edges/checks?stack=shop&service=web";
  EXPECT_THAT(Get(path)["note"], HasSubstr("no lines of yours are needed"));
  EXPECT_THAT(Get("/v1/edges/checks")["note"],
              HasSubstr("no service is behind a balancer of somebody else's"));
  EXPECT_THAT(Get("/v1/edges/checks?stack=shop&service=wob", 404)["message"],
              HasSubstr("there are: shop/web"));

  View view = ShopView();
  const auto service = ShopWeb();
  service->spec.listeners[0].attach = "webfarm";
  service->handles[{8000, "webfarm"}] = 7;
  view.services[service->key] = service;
  test_.loop->Publish(view);
  EXPECT_THAT(Get(path)["note"], HasSubstr("no node that it may use has a balancer"));

  for (const char* id : {"n1", "n2", "n3"}) {
    auto node = std::make_shared<NodeView>();
    node->record.id = NodeId(id);
    node->record.name = std::string("host-") + id;
    node->record.edge = true;
    node->version = "0.0.1";
    view.nodes[node->record.id] = node;
  }
  test_.loop->Publish(view);
  test_.agents.checks[{"n1", 7}] = {.node = NodeId("n1"),
                                    .snippet = "backend webfarm\n",
                                    .checks = {{"backend", true, false, ""},
                                               {"servers", false, false, "too few"},
                                               {"hold", false, true, "hidden"}},
                                    .error = ""};
  const json edges = Get(path)["edges"];
  ASSERT_EQ(edges.size(), 3U);
  EXPECT_EQ(edges[0]["nodeName"], "host-n1");
  EXPECT_EQ(edges[0]["backend"], "webfarm");
  EXPECT_EQ(edges[0]["snippet"], "backend webfarm\n");
  EXPECT_EQ(edges[0]["checks"][0]["result"], "OK");
  EXPECT_EQ(edges[0]["checks"][1]["result"], "FAILED");
  EXPECT_EQ(edges[0]["checks"][2]["result"], "UNKNOWN");
  EXPECT_THAT(edges[1]["error"], HasSubstr("did not answer within 8s; its agent (0.0.1) may be older"));
  EXPECT_EQ(edges[2]["error"], "node host-n3 is not connected");
}

TEST_F(HttpApiTest, OpenApi) { EXPECT_EQ(Get("/v1/openapi.json")["openapi"], "3.0.3"); }

TEST_F(HttpApiTest, HealthReadinessMetrics) {
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
  EXPECT_EQ(client_->Get("/readyz")->status, 200);
  EXPECT_THAT(client_->Get("/metrics")->body, HasSubstr("drover_service_desired_replicas"));
  View view = ShopView();
  view.ready = false;
  view.not_ready_reason = "waiting for 2 agents";
  test_.loop->Publish(view);
  const auto ready = client_->Get("/readyz");
  EXPECT_EQ(ready->status, 503);
  EXPECT_EQ(ready->body, "not ready: waiting for 2 agents\n");
  EXPECT_TRUE(ready->has_header("Retry-After"));
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
}

TEST_F(HttpApiTest, DecisionsAreCounted) {
  std::string text;
  for (int i = 0; i < 1000 && text.find("reason=\"DesiredWithinRange\"") == std::string::npos; ++i) {
    text = client_->Get("/metrics")->body;
  }
  EXPECT_THAT(text, HasSubstr(R"(drover_decisions_total{direction="up",reason="DesiredWithinRange"} 1)"));
}

TEST_F(HttpApiTest, EventList) {
  for (uint64_t id = 1; id <= 5; ++id) {
    EventRecord event;
    event.id = id;
    event.service = {.stack = id % 2 == 0 ? "shop" : "other", .service = "web"};
    test_.loop->Happen(event);
  }
  EXPECT_EQ(Get("/v1/events")["events"].size(), 5U);
  const json newest = Get("/v1/events?limit=2")["events"];
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0]["id"], "4");
  const json page = Get("/v1/events?since=1&limit=2")["events"];
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0]["id"], "2");
  EXPECT_EQ(Get("/v1/events?stack=shop")["events"].size(), 2U);
  EXPECT_EQ(Get("/v1/events?since=5")["events"].size(), 0U);
  EXPECT_THAT(Get("/v1/events?since=x", 400)["message"], HasSubstr("?since=x"));
  Get("/v1/events?limit=0", 400);
}

// ---- faults of every request ------------------------------------------------------------------------

TEST_F(HttpApiTest, UnknownPathAndWrongMethod) {
  EXPECT_EQ(Get("/v2/stacks", 404)["code"], "NotFound");
  Get("/", 404);
  const auto wrong = client_->Post("/v1/stacks/shop", "{}", "application/json");
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->get_header_value("Allow"), "GET, PUT, DELETE");
  EXPECT_EQ(client_->Delete("/healthz")->status, 405);
  EXPECT_EQ(client_->Options("/v1/stacks")->status, 405);
  EXPECT_EQ(Get("/v1/stacks/" + std::string(4000, 'a'), 404)["code"], "NotFound");
}

TEST_F(HttpApiTest, MalformedBodies) {
  const std::string scale = "/v1/services/shop/web/scale";
  EXPECT_THAT(Send("POST", scale, "{\"replicas\": ", 400)["message"], HasSubstr("not a ScaleRequest"));
  EXPECT_THAT(Send("POST", scale, R"({"replicaz": 3})", 400)["message"], HasSubstr("replicaz"));
  Send("POST", scale, R"({"replicas": -3})", 400);
  Send("POST", scale, R"({"replicas": "many"})", 400);
  Send("POST", scale, "[]", 400);
  Send("POST", scale, std::string(2000, '['), 400);
  EXPECT_EQ(Send("POST", scale, R"({"replicas": 3})", 415, "text/plain")["code"], "UnsupportedMediaType");
  EXPECT_TRUE(test_.loop->calls.empty());
}

TEST_F(HttpApiTest, PagesOfOtherOriginsChangeNothing) {
  const httplib::Headers foreign = {{"Origin", "http://evil.example"}};
  EXPECT_EQ(client_->Post("/v1/services/shop/web/resume", foreign, "{}", "application/json")->status, 403);
  EXPECT_EQ(client_->Delete("/v1/stacks/shop", foreign)->status, 403);
  EXPECT_TRUE(test_.loop->calls.empty());
  const httplib::Headers own = {{"Origin", "http://127.0.0.1:" + std::to_string(test_.server->port())}};
  EXPECT_EQ(client_->Post("/v1/services/shop/web/resume", own, "{}", "application/json")->status, 200);
}

// ---- changes ----------------------------------------------------------------------------------------

TEST_F(HttpApiTest, Scale) {
  test_.loop->answer = [](const Event&) {
    Reply reply;
    reply.message = "shop/web: 5 replicas for 2h";
    return reply;
  };
  const json body =
      Send("POST", "/v1/services/shop/web/scale", R"({"replicas": 5, "hold": "7200s", "message": "sale"})");
  EXPECT_EQ(body["message"], "shop/web: 5 replicas for 2h");
  const auto event = OnlyCall<ScaleService>();
  EXPECT_EQ(ToString(event.service), "shop/web");
  EXPECT_EQ(event.replicas, 5);
  EXPECT_EQ(event.hold, absl::Hours(2));
  EXPECT_EQ(event.message, "sale");
  EXPECT_EQ(event.who, "127.0.0.1");
  Send("POST", "/v1/services/shop/web/scale", R"({"replicas": 5, "hold": "0s"})", 400);
  Send("POST", "/v1/services/shop/web/scale", R"({"replicas": 5, "hold": "9s", "forever": true})", 400);
}

TEST_F(HttpApiTest, PauseAndResume) {
  Send("POST", "/v1/services/shop/web/pause", R"({"duration": "60s", "downOnly": true})");
  const auto pause = OnlyCall<PauseService>();
  EXPECT_EQ(pause.duration, absl::Minutes(1));
  EXPECT_TRUE(pause.down_only);
  test_.loop->calls.clear();
  Send("POST", "/v1/services/shop/web/resume", "{}");
  EXPECT_EQ(ToString(OnlyCall<ResumeService>().service), "shop/web");
  Send("POST", "/v1/services/shop/web/pause", R"({"duration": "-5s"})", 400);
}

TEST_F(HttpApiTest, NodesAreDrainedByNameOrId) {
  test_.loop->answer = [](const Event&) {
    Reply reply;
    reply.message = "host-n1 is draining: 1 replica moves";
    reply.moves = {
        {.replica = ReplicaId(0xa1), .to = NodeId("n2"), .why = ""},
        {.replica = ReplicaId(0xa3), .to = NodeId(), .why = "keeps its data there (pg)", .stays = true}};
    return reply;
  };
  const json body =
      Send("POST", "/v1/nodes/host-n1/drain", R"({"deadline": "600s", "dryRun": true, "message": "disks"})");
  const auto drain = OnlyCall<ChangeNode>();
  EXPECT_EQ(drain.kind, ChangeNode::Kind::kDrain);
  EXPECT_EQ(drain.node, NodeId("n1"));
  EXPECT_EQ(drain.deadline, absl::Minutes(10));
  EXPECT_TRUE(drain.dry_run);
  EXPECT_EQ(drain.message, "disks");
  EXPECT_EQ(drain.who, "127.0.0.1");
  EXPECT_EQ(body["fits"], true) << "what stays need not fit elsewhere";
  ASSERT_EQ(body["moves"].size(), 2U);
  EXPECT_EQ(body["moves"][0]["service"], "web");
  EXPECT_EQ(body["moves"][0]["toNode"], "host-n2");
  EXPECT_EQ(body["moves"][1]["why"], "keeps its data there (pg)");

  test_.loop->calls.clear();
  Send("POST", "/v1/nodes/n1/maintenance", R"({"duration": "1800s"})");
  EXPECT_EQ(OnlyCall<ChangeNode>().duration, absl::Minutes(30));
  test_.loop->calls.clear();
  Send("POST", "/v1/nodes/n1/cordon", "");
  EXPECT_EQ(OnlyCall<ChangeNode>().kind, ChangeNode::Kind::kCordon);
  Send("POST", "/v1/nodes/none/drain", "", 404);
  Send("POST", "/v1/nodes/n1/cordon", R"({"deadline": "600s"})", 400);
  Send("POST", "/v1/nodes/n1/drain", R"({"deadline": "0s"})", 400);
}

TEST_F(HttpApiTest, NodesAreRemoved) {
  test_.loop->answer = [](const Event&) {
    Reply reply;
    reply.status = absl::FailedPreconditionError("host-n1 holds 1 replica; drain it first");
    return reply;
  };
  Body(client_->Delete("/v1/nodes/n1"), "rm", 409);
  EXPECT_FALSE(OnlyCall<ChangeNode>().force);
  test_.loop->calls.clear();
  test_.loop->answer = [](const Event&) { return Reply(); };
  Body(client_->Delete("/v1/nodes/n1?force=true&message=dead"), "rm", 200);
  const auto remove = OnlyCall<ChangeNode>();
  EXPECT_EQ(remove.kind, ChangeNode::Kind::kRemove);
  EXPECT_TRUE(remove.force);
  EXPECT_EQ(remove.message, "dead");
}

TEST_F(HttpApiTest, R10_1_TheClusterIsFrozenAndNotAnyMore) {
  Send("POST", "/v1/freeze", R"({"duration": "3600s", "message": "sale"})");
  const auto freeze = OnlyCall<FreezeCluster>();
  EXPECT_TRUE(freeze.freeze);
  EXPECT_EQ(freeze.duration, absl::Hours(1));
  EXPECT_EQ(freeze.message, "sale");
  test_.loop->calls.clear();
  Body(client_->Delete("/v1/freeze"), "freeze", 200);
  EXPECT_FALSE(OnlyCall<FreezeCluster>().freeze);
  Send("POST", "/v1/freeze", R"({"duration": "-1s"})", 400);
}

TEST_F(HttpApiTest, R3_6_WhatFailedAndIsGoneIsShownWhenAskedFor) {
  View view = ShopView();
  auto web = std::make_shared<ServiceView>(*view.services.at({"shop", "web"}));
  web->record.failures = {{.replica = ReplicaId(0xf1),
                           .name = "shop-web-7",
                           .node = NodeId("n1"),
                           .at = view.wall,
                           .reason = "OutOfMemory",
                           .message = "last lines",
                           .exit_code = 137},
                          {.replica = ReplicaId(0xa1),
                           .name = "shop-web-1",
                           .node = NodeId("n1"),
                           .at = view.wall,
                           .reason = "ExitedWithError",
                           .message = ""}};
  view.services[web->key] = web;
  test_.loop->Publish(std::move(view));
  EXPECT_EQ(Get("/v1/replicas?stack=shop&service=web")["replicas"].size(), 2U);
  const json all = Get("/v1/replicas?stack=shop&service=web&all=true")["replicas"];
  ASSERT_EQ(all.size(), 3U) << "one of them is still there";
  EXPECT_EQ(all[2]["name"], "shop-web-7");
  EXPECT_EQ(all[2]["state"], "GONE");
  EXPECT_EQ(all[2]["reason"], "OutOfMemory");
  EXPECT_EQ(all[2]["exitCode"], 137);
  EXPECT_EQ(all[2]["nodeName"], "host-n1");
}

TEST_F(HttpApiTest, WhatWasSaidOfANodeIsShown) {
  View view = ShopView();
  auto node = std::make_shared<NodeView>(*view.nodes.at(NodeId("n1")));
  node->record.availability = NodeAvailability::kMaintenance;
  node->record.available_at = absl::FromUnixSeconds(1700000000);
  node->record.availability_note = "eve: disks";
  node->moves = {
      {.replica = ReplicaId(0xa1), .to = NodeId(), .why = "waits until another one is ready elsewhere"}};
  view.nodes[NodeId("n1")] = node;
  view.whole.frozen = true;
  view.whole.frozen_note = "eve";
  test_.loop->Publish(std::move(view));
  const json shown = Get("/v1/nodes/n1");
  EXPECT_EQ(shown["availability"], "NODE_MAINTENANCE");
  EXPECT_EQ(shown["availabilityNote"], "eve: disks");
  EXPECT_EQ(shown["availableAt"], "2023-11-14T22:13:20Z");
  ASSERT_EQ(shown["moves"].size(), 1U);
  EXPECT_EQ(Get("/v1/nodes/n2")["availability"], "NODE_ACTIVE");
  EXPECT_EQ(Get("/v1/version")["frozen"], true);
  EXPECT_EQ(Get("/v1/version")["frozenNote"], "eve");
}

TEST_F(HttpApiTest, PushMetric) {
  Send("POST", "/v1/metrics/shop/emails", R"({"value": 0, "unit": "mails"})");
  const auto push = OnlyCall<PushMetric>();
  EXPECT_EQ(push.stack, "shop");
  EXPECT_EQ(push.name, "emails");
  EXPECT_EQ(push.value, 0);
  EXPECT_EQ(push.unit, "mails");
  for (const char* body : {R"({})", R"({"unit": "mails"})", R"({"value": -1})", R"({"value": "NaN"})",
                           R"({"value": "Infinity"})", R"({"value": 1e300})", R"({"value": "many"})",
                           R"({"value": 1, "unit": "abcdefghijklmnopqrstuvwxyzabcdefg"})"}) {
    Send("POST", "/v1/metrics/shop/emails", body, 400);
  }
}

TEST_F(HttpApiTest, HttpSdGivesAgentsAndPublishedPortsOfWhatRuns) {
  View view = ShopView();
  auto node = std::make_shared<NodeView>(*view.nodes[NodeId("n1")]);
  node->record.address = "fd00::1";
  node->metrics_address = "[fd00::1]:7410";
  view.nodes[NodeId("n1")] = node;
  const ServiceKey key = {.stack = "shop", .service = "web"};
  auto service = std::make_shared<ServiceView>(*view.services[key]);
  service->replicas[0].record.published = {{.container_port = 8000, .host_port = 20001},
                                           {.container_port = 9100, .host_port = 20002}};
  service->replicas[1].record.node = NodeId("n1");  // assigned, but nothing runs yet
  service->replicas[1].record.published = {{.container_port = 8000, .host_port = 20003}};
  view.services[key] = service;
  test_.loop->Publish(view);
  const json agent = {{"targets", json::array({"[fd00::1]:7410"})},
                      {"labels", {{"node", "host-n1"}, {"__meta_drover_role", "agent"}}}};
  const json replica = {{"targets", json::array({"[fd00::1]:20002"})},
                        {"labels",
                         {{"stack", "shop"},
                          {"service", "web"},
                          {"replica", "shop-web-1"},
                          {"node", "host-n1"},
                          {"__meta_drover_role", "replica"},
                          {"__meta_drover_state", "ready"},
                          {"__meta_drover_container_port", "9100"}}}};
  EXPECT_EQ(Get("/v1/http_sd").size(), 3U);
  EXPECT_EQ(Get("/v1/http_sd?role=agent"), json::array({agent}));
  EXPECT_EQ(Get("/v1/http_sd?role=replica&stack=shop&service=web&port=9100"), json::array({replica}));
  EXPECT_EQ(Get("/v1/http_sd?role=replica&service=api"), json::array());
  Get("/v1/http_sd?role=node", 400);
  Get("/v1/http_sd?port=0", 400);
}

TEST_F(HttpApiTest, HttpSdIsNotEmptyBeforeWhatRunsIsKnown) {
  View view = ShopView();
  view.ready = false;
  view.not_ready_reason = "waiting for the agents' reports";
  test_.loop->Publish(view);
  EXPECT_THAT(Get("/v1/http_sd", 503).value("message", ""), HasSubstr("waiting for the agents"));
}

TEST_F(HttpApiTest, RemoveStack) {
  const auto result = client_->Delete("/v1/stacks/shop?volumes=true&message=bye");
  ASSERT_EQ(result->status, 200) << result->body;
  const auto event = OnlyCall<controller::RemoveStack>();
  EXPECT_EQ(event.stack, "shop");
  EXPECT_TRUE(event.remove_volumes);
  EXPECT_EQ(event.message, "bye");
  EXPECT_EQ(client_->Delete("/v1/stacks/shop?volumes=perhaps")->status, 400);
}

TEST_F(HttpApiTest, WhatTheLoopRefusesHasItsStatus) {
  const std::vector<std::pair<absl::Status, int>> table = {
      {absl::NotFoundError("no service shop/web"), 404},
      {absl::InvalidArgumentError("replicas: 50 is above max 9"), 400},
      {absl::FailedPreconditionError("scaled: give hold or forever"), 409},
      {absl::UnavailableError("the state can't be written: disk full"), 503},
      {absl::DeadlineExceededError("no answer"), 504}};
  for (const auto& [status, code] : table) {
    test_.loop->answer = [&status = status](const Event&) {
      Reply reply;
      reply.status = status;
      return reply;
    };
    EXPECT_EQ(Send("POST", "/v1/services/shop/web/scale", R"({"replicas": 5})", code)["message"],
              std::string(status.message()));
  }
  test_.loop->answer = [](const Event&) -> absl::StatusOr<Reply> {
    return absl::UnavailableError("the controller is stopping");
  };
  EXPECT_EQ(Send("POST", "/v1/services/shop/web/scale", "{}", 503)["code"], "Unavailable");
}

// ---- applying ---------------------------------------------------------------------------------------

constexpr char kShop[] = R"({"spec": {"name": "shop", "services": [
    {"name": "web", "replicas": 2, "container": {"image": "shop/web:1"}}]}, "message": "first",
    "warnings": ["compose.yaml:3:1: x is ignored"]})";

TEST_F(HttpApiTest, R9_1_ApplyResolvesImagesFirst) {
  ImageInfo info;
  info.present = true;
  info.image_id = "sha256:aaaa";
  info.volumes = {"/data"};
  test_.agents.images[{"shop/web:1", "n2"}] = info;
  test_.loop->answer = [](const Event&) {
    Reply reply;
    reply.revision = 4;
    PlanChange change;
    change.service = "web";
    change.action = PlanChange::Action::kReplace;
    reply.plan.changes.push_back(change);
    return reply;
  };
  const json body = Send("PUT", "/v1/stacks/shop", kShop);
  EXPECT_EQ(body["revision"], "4");
  EXPECT_EQ(body["plan"]["changes"][0]["action"], "REPLACE");
  ASSERT_EQ(body["warnings"].size(), 2U);
  EXPECT_EQ(body["warnings"][0], "compose.yaml:3:1: x is ignored");
  EXPECT_THAT(body["warnings"][1], HasSubstr("VOLUME /data"));
  const auto event = OnlyCall<ApplyStack>();
  ASSERT_EQ(event.spec.services.size(), 1U);
  EXPECT_EQ(event.spec.services[0].image_id, "sha256:aaaa");
  EXPECT_THAT(event.image_nodes.at("sha256:aaaa"), testing::ElementsAre(NodeId("n2")));
  EXPECT_EQ(event.message, "first");
}

TEST_F(HttpApiTest, R9_1_AnImageThatCannotBePulledChangesNothing) {
  test_.agents.registry["shop/web:1"].error = "manifest unknown";
  const json body = Send("PUT", "/v1/stacks/shop", kShop, 422);
  EXPECT_EQ(body["code"], "ImagePullFailed");
  EXPECT_EQ(body["message"], "ImagePullFailed: shop/web:1: manifest unknown");
  EXPECT_TRUE(test_.loop->calls.empty());
}

TEST_F(HttpApiTest, ApplyWithoutAgents) {
  test_.agents.nodes.clear();
  EXPECT_THAT(Send("PUT", "/v1/stacks/shop", kShop, 503)["message"], HasSubstr("no agent is connected"));
}

TEST_F(HttpApiTest, DryRunPullsNothingAndHasNoRevision) {
  const json body = Send("PUT", "/v1/stacks/shop",
                         R"({"dryRun": true, "spec": {"services": [
                            {"name": "web", "container": {"image": "shop/web:1"}}]}})");
  EXPECT_EQ(body["revision"], "0");
  EXPECT_THAT(body["warnings"][0], HasSubstr("is on no node yet"));
  EXPECT_TRUE(OnlyCall<ApplyStack>().dry_run);
  EXPECT_THAT(test_.agents.resolved(), testing::ElementsAre(testing::Pair("shop/web:1", false)));
}

TEST_F(HttpApiTest, AllFaultsOfASpecAtOnce) {
  EXPECT_THAT(Send("PUT", "/v1/stacks/shop", "{}", 400)["message"], HasSubstr("spec: is missing"));
  EXPECT_THAT(Send("PUT", "/v1/stacks/shop", R"({"spec": {"name": "other"}})", 400)["message"],
              HasSubstr("the path says"));
  const std::string faults = Send("PUT", "/v1/stacks/shop", R"({"spec": {"services": [
      {"name": "web", "container": {"image": ""}},
      {"name": "web", "container": {"image": "a"}, "autoscale": {"min": 5, "max": 2}}]}})",
                                  400)["message"];
  EXPECT_GE(std::count(faults.begin(), faults.end(), '\n'), 1) << faults;
  EXPECT_TRUE(test_.agents.resolved().empty());
  EXPECT_TRUE(test_.loop->calls.empty());
}

}  // namespace
}  // namespace drover::controller
