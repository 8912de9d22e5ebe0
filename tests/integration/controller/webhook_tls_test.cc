// A webhook to an https:// address: sent to whom the system's authorities vouch for, and to nobody else.
#include <gtest/gtest.h>
#include <httplib.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "controller/runtime/http/webhook.h"
#include "tests/integration/controller/certificates.h"
#include "tests/unit/controller/runtime/xds/support.h"

namespace drover::controller {
namespace {

class WebhookTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-webhook-XXXXXX";
    directory_ = mkdtemp(name);
    const CertificatePair own = authority_.Issue("localhost", "DNS:localhost");
    server_ = std::make_unique<httplib::SSLServer>(File("cert.pem", own.certificate).c_str(),
                                                   File("key.pem", own.key).c_str());
    server_->Post("/", [this](const httplib::Request&, httplib::Response&) { ++posts_; });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
  }

  void TearDown() override {
    unsetenv("SSL_CERT_FILE");
    server_->stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  std::string File(const std::string& name, const std::string& content) const {
    std::ofstream(directory_ + "/" + name) << content;
    return directory_ + "/" + name;
  }

  // True when the backends were confirmed within two seconds.
  bool Delivers() {
    std::atomic<bool> applied = false;
    View view = XdsView({{.name = "web", .backends = {1}}});
    auto service = std::make_shared<ServiceView>(*view.services.begin()->second);
    service->pulls["cloud"];
    for (BackendSet& set : service->sets) {
      set.listeners.front().pull = "cloud";
    }
    view.services[service->key] = service;
    const auto shared = std::make_shared<const View>(std::move(view));
    Webhook::Options options;
    options.name = "cloud";
    options.url = absl::StrCat("https://localhost:", port_, "/");
    options.secret_file = File("secret", "secret");
    options.first_retry = absl::Milliseconds(50);
    options.wait_view = [&](const View* than, Duration) {
      std::this_thread::sleep_for(std::chrono::milliseconds(than == nullptr ? 0 : 10));
      return shared;
    };
    options.post = [&](const Event&) { applied = true; };
    const Webhook webhook(std::move(options));
    for (int i = 0; i < 200 && !applied; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return applied;
  }

  TestAuthority authority_;
  std::string directory_;
  std::unique_ptr<httplib::SSLServer> server_;
  std::thread thread_;
  int port_ = 0;
  std::atomic<int> posts_ = 0;
};

TEST_F(WebhookTlsTest, OnlyWhomTheSystemsAuthoritiesVouchForIsToldTheBackends) {
  EXPECT_FALSE(Delivers());
  EXPECT_EQ(posts_, 0);
  setenv("SSL_CERT_FILE", File("ca.pem", authority_.certificate()).c_str(), 1);
  EXPECT_TRUE(Delivers());
  EXPECT_EQ(posts_, 1);
}

}  // namespace
}  // namespace drover::controller
