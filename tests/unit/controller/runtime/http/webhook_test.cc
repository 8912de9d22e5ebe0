#include "controller/runtime/http/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::Pair;

View WithWeb(uint64_t revision, std::vector<Backend> backends, bool known = true) {
  View view;
  view.ready = true;
  view.cluster = ClusterId("c1");
  view.epoch = Epoch(7);
  auto service = std::make_shared<ServiceView>();
  service->key = {"shop", "web"};
  service->record.backend_revision = revision;
  service->pulls["cloud"];
  service->sets_known = known;
  BackendSet set;
  set.target = 8000;
  set.backends = std::move(backends);
  ListenerSpec route;
  route.pull = "cloud";
  route.host = "shop.example";
  set.listeners = {route};
  service->sets = {set};
  view.services[service->key] = service;
  return view;
}

const Backend kFirst = {ReplicaId(0xa1), "10.0.0.5", 20000, false};
const Backend kLeaving = {ReplicaId(0xa2), "10.0.0.6", 20001, true};

TEST(WebhookTest, TheWholeIsSentWithoutWhatDrains) {
  const View view = WithWeb(12, {kFirst, kLeaving});
  const json expected = json::parse(R"({"consumer": "cloud", "cluster": "c1", "epoch": 7, "services": [
    {"stack": "shop", "service": "web", "revision": 12, "ports": [
      {"target": 8000, "routes": [{"host": "shop.example", "path": "", "on": []}],
       "backends": [{"address": "10.0.0.5", "port": 20000, "replica": "00000000000000a1"}]}]}]})");
  EXPECT_EQ(json::parse(WebhookBody(view, *PulledBy(view, "cloud"), "cloud")), expected);
}

TEST(WebhookTest, Signature) {
  // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(WebhookSignature("secret", 1700000000, "{}"),
            "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
}

// A balancer's receiver, and the views that the controller would publish.
class WebhookDeliveryTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-webhook-XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    secret_file_ = name;
    std::ofstream(secret_file_) << "secret\n";
    server_.Post("/backends", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      const int64_t timestamp = std::stoll(request.get_header_value("Drover-Timestamp"));
      EXPECT_EQ(request.get_header_value("Drover-Signature"),
                WebhookSignature("secret", timestamp, request.body));
      revisions_.push_back(json::parse(request.body)["services"][0]["revision"]);
      response.status = status_;
      changed_.notify_all();
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }

  void TearDown() override {
    webhook_ = nullptr;
    server_.stop();
    thread_.join();
    std::remove(secret_file_.c_str());
  }

  void StartWebhook() {
    Webhook::Options options;
    options.name = "cloud";
    options.url = absl::StrCat("http://127.0.0.1:", port_, "/backends");
    options.secret_file = secret_file_;
    options.first_retry = absl::Milliseconds(10);
    options.last_retry = absl::Milliseconds(40);
    options.wait_view = [this](const View* than, Duration timeout) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, absl::ToChronoNanoseconds(std::min(timeout, absl::Milliseconds(5))),
                        [&] { return view_.get() != than; });
      return view_;
    };
    options.post = [this](Event event) {
      const std::lock_guard lock(mutex_);
      applied_.push_back(std::get<ConsumerApplied>(event));
      changed_.notify_all();
    };
    webhook_ = std::make_unique<Webhook>(std::move(options));
  }

  void Publish(View view) {
    const std::lock_guard lock(mutex_);
    view_ = std::make_shared<const View>(std::move(view));
    changed_.notify_all();
  }

  bool Wait(const std::function<bool()>& done, int milliseconds = 5000) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), done);
  }

  void Answer(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }

  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::string secret_file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 204;
  std::vector<uint64_t> revisions_;
  std::vector<ConsumerApplied> applied_;
  std::shared_ptr<const View> view_ = std::make_shared<const View>();
  std::unique_ptr<Webhook> webhook_;
};

TEST_F(WebhookDeliveryTest, R6_1_SuccessConfirmsWhatWasSent) {
  Publish(WithWeb(3, {kFirst}));
  StartWebhook();
  ASSERT_TRUE(Wait([this] { return applied_.size() == 1; }));
  EXPECT_EQ(applied_[0].consumer, "cloud");
  EXPECT_THAT(applied_[0].revisions, ElementsAre(Pair(ServiceKey{"shop", "web"}, 3U)));
  Publish(WithWeb(3, {kFirst}));
  EXPECT_FALSE(Wait([this] { return revisions_.size() > 1; }, 100)) << "nothing changed";
  Publish(WithWeb(4, {kFirst, kLeaving}));
  ASSERT_TRUE(Wait([this] { return applied_.size() == 2; }));
  EXPECT_EQ(applied_[1].revisions[0].second, 4U);
}

TEST_F(WebhookDeliveryTest, R6_1_WhatFailsIsTriedAgainWithTheNewestState) {
  Answer(503);
  Publish(WithWeb(3, {kFirst}));
  StartWebhook();
  ASSERT_TRUE(Wait([this] { return revisions_.size() >= 3; }));
  {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(applied_.empty());
  }
  Publish(WithWeb(4, {kFirst}));
  Publish(WithWeb(5, {kFirst}));
  Answer(200);
  EXPECT_TRUE(Wait([this] { return !applied_.empty() && applied_.back().revisions[0].second == 5; }));
}

TEST_F(WebhookDeliveryTest, R6_3_NothingIsSentBeforeTheBackendsAreKnown) {
  Publish(WithWeb(3, {}, /*known=*/false));
  StartWebhook();
  EXPECT_FALSE(Wait([this] { return !revisions_.empty(); }, 100));
  Publish(WithWeb(4, {kFirst}));
  EXPECT_TRUE(Wait([this] { return applied_.size() == 1; }));
}

TEST_F(WebhookDeliveryTest, NothingIsSentUnsigned) {
  std::ofstream(secret_file_, std::ios::trunc) << "\n";
  Publish(WithWeb(3, {kFirst}));
  StartWebhook();
  EXPECT_FALSE(Wait([this] { return !revisions_.empty(); }, 100));
  std::ofstream(secret_file_, std::ios::trunc) << "secret";
  EXPECT_TRUE(Wait([this] { return applied_.size() == 1; }));
}

}  // namespace
}  // namespace drover::controller
