// Traefik's document, and what fetching it confirms.
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ListenerSpec PullRoute(const std::string& consumer, const std::string& host, const std::string& path) {
  ListenerSpec route;
  route.pull = consumer;
  route.host = host;
  route.path = path;
  route.http = !host.empty() || !path.empty();
  route.target = 8000;
  return route;
}

std::shared_ptr<ServiceView> Pulled(const std::string& name, std::vector<ListenerSpec> routes,
                                    std::vector<Backend> backends) {
  auto service = std::make_shared<ServiceView>();
  service->key = {.stack = "shop", .service = name};
  service->record.backend_revision = 7;
  BackendSet set;
  set.service = service->key;
  set.target = 8000;
  set.backends = std::move(backends);
  for (const ListenerSpec& route : routes) {
    service->pulls[route.pull];
  }
  set.listeners = std::move(routes);
  service->sets = {set};
  service->sets_known = true;
  return service;
}

class PullTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test_.server->Start().ok());
    client_ = std::make_unique<httplib::Client>("127.0.0.1", test_.server->port());
  }

  void Publish(const std::vector<std::shared_ptr<ServiceView>>& services) {
    View view = ShopView();
    for (const auto& service : services) {
      view.services[service->key] = service;
    }
    test_.loop->Publish(view);
  }

  json Fetch(const std::string& consumer, int status = 200) {
    const auto result = client_->Get("/v1/traefik?consumer=" + consumer);
    EXPECT_TRUE(result);
    EXPECT_EQ(result->status, status) << result->body;
    return json::parse(result->body);
  }

  // What was confirmed, waiting a moment for it: it is told after the answer.
  std::vector<ConsumerApplied> Confirmed(size_t at_least) {
    std::vector<ConsumerApplied> applied;
    for (int i = 0; i < 200; ++i) {
      applied.clear();
      {
        const std::lock_guard lock(test_.loop->mutex);
        for (const Event& event : test_.loop->posted) {
          applied.push_back(std::get<ConsumerApplied>(event));
        }
      }
      if (applied.size() >= at_least) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return applied;
  }

  TestServer test_;
  std::unique_ptr<httplib::Client> client_;
};

const std::vector<Backend> kTwo = {{ReplicaId(1), "10.0.0.5", 20000, false},
                                   {ReplicaId(2), "fd00::6", 20001, false}};

TEST_F(PullTest, RoutersAndServicesOfTheConsumer) {
  ListenerSpec secure = PullRoute("traefik1", "shop.example.com", "/api");
  secure.on = {"websecure"};
  Publish(
      {Pulled("web", {secure, PullRoute("traefik1", "", "/v2"), PullRoute("other", "x.example", "")}, kTwo)});
  const json expected = json::parse(R"json({"http": {
    "routers": {
      "shop.web.8000": {"rule": "Host(`shop.example.com`) && PathPrefix(`/api`)", "service": "shop.web.8000",
                        "entryPoints": ["websecure"]},
      "shop.web.8000.2": {"rule": "PathPrefix(`/v2`)", "service": "shop.web.8000"}},
    "services": {"shop.web.8000": {"loadBalancer": {"passHostHeader": true,
      "servers": [{"url": "http://10.0.0.5:20000"}, {"url": "http://[fd00::6]:20001"}]}}}}})json");
  EXPECT_EQ(Fetch("traefik1"), expected);
}

TEST_F(PullTest, WithoutHostAndPathItIsTcp) {
  ListenerSpec route = PullRoute("traefik1", "", "");
  route.on = {"postgres"};
  Publish({Pulled("web", {route}, kTwo)});
  const json expected = json::parse(R"json({"tcp": {
    "routers": {"shop.web.8000": {"rule": "HostSNI(`*`)", "service": "shop.web.8000",
                                  "entryPoints": ["postgres"]}},
    "services": {"shop.web.8000": {"loadBalancer": {
      "servers": [{"address": "10.0.0.5:20000"}, {"address": "[fd00::6]:20001"}]}}}}})json");
  EXPECT_EQ(Fetch("traefik1"), expected);
}

TEST_F(PullTest, R6_1_WhatDrainsIsLeftOutAndNoListOrMapIsEmpty) {
  std::vector<Backend> draining = kTwo;
  draining[0].drain = draining[1].drain = true;
  Publish({Pulled("web", {PullRoute("traefik1", "shop.example.com", "")}, draining),
           Pulled("tcp", {PullRoute("traefik1", "", "")}, draining)});
  const json document = Fetch("traefik1");
  EXPECT_EQ(document["http"]["services"]["shop.web.8000"],
            json::parse(R"({"loadBalancer": {"passHostHeader": true}})"));
  EXPECT_EQ(document["http"]["routers"].size(), 1U);
  EXPECT_FALSE(document.contains("tcp"));
}

TEST_F(PullTest, R6_1_AFetchConfirmsWhatItWasSent) {
  Publish({Pulled("web", {PullRoute("traefik1", "shop.example.com", "")}, kTwo)});
  client_->Head("/v1/traefik?consumer=traefik1");
  const json nobody = Fetch("traefik2");
  EXPECT_FALSE(nobody.empty()) << "what is empty is ignored, and the servers of before stay";
  EXPECT_EQ(nobody["http"].count("routers"), 0U);
  Fetch("traefik1");
  const auto applied = Confirmed(1);
  ASSERT_EQ(applied.size(), 1U) << "neither the head nor a name that nobody has";
  EXPECT_EQ(applied[0].consumer, "traefik1");
  EXPECT_THAT(applied[0].revisions, ElementsAre(Pair(ServiceKey{"shop", "web"}, 7U)));
}

TEST_F(PullTest, R6_3_NothingIsToldBeforeWhatRunsIsKnown) {
  auto unknown = Pulled("api", {PullRoute("traefik1", "api.example.com", "")}, {});
  unknown->sets_known = false;
  Publish(
      {Pulled("web", {PullRoute("traefik1", "shop.example.com", ""), PullRoute("traefik2", "y", "")}, kTwo),
       unknown});
  EXPECT_THAT(Fetch("traefik1", 503).value("message", ""), HasSubstr("shop/api"));
  EXPECT_TRUE(Fetch("traefik2").contains("http")) << "knows all of its own";
  View view = ShopView();
  view.ready = false;
  view.not_ready_reason = "starting";
  test_.loop->Publish(view);
  Fetch("traefik2", 503);
  EXPECT_EQ(Confirmed(1).size(), 1U);
  EXPECT_EQ(client_->Get("/v1/traefik")->status, 400);
}

TEST_F(PullTest, TheApiAndMetricsShowWhoHasWhat) {
  auto web = Pulled("web", {PullRoute("traefik1", "a", ""), PullRoute("traefik2", "b", "")}, kTwo);
  web->pulls["traefik1"] = {.revision = 6,
                            .since = Instant::FromNanoseconds(4'000'000'000),
                            .wall = absl::FromUnixSeconds(1'700'000'000)};
  Publish({web});
  const json consumers = json::parse(client_->Get("/v1/services/shop/web")->body)["consumers"];
  ASSERT_EQ(consumers.size(), 2U);
  EXPECT_EQ(consumers[0]["name"], "traefik1");
  EXPECT_EQ(consumers[0]["revision"], "7");
  EXPECT_EQ(consumers[0]["confirmed"], "6");
  EXPECT_EQ(consumers[0]["confirmedAt"], "2023-11-14T22:13:20Z");
  EXPECT_FALSE(consumers[1].contains("confirmedAt"));
  const std::string metrics = client_->Get("/metrics")->body;
  const std::string labels = R"({stack="shop",service="web",consumer="traefik1"} )";
  EXPECT_THAT(metrics, HasSubstr("drover_consumer_behind" + labels + "1"));
  EXPECT_THAT(metrics, HasSubstr("drover_consumer_confirmed_timestamp_seconds" + labels + "1700000000"));
}

}  // namespace
}  // namespace drover::controller
