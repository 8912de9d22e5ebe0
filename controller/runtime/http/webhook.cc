#include "controller/runtime/http/webhook.h"

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/runtime/logger.h"
#include "controller/runtime/loop.h"

namespace drover::controller {
namespace {

using Json = nlohmann::ordered_json;

// Stopping waits for at most this, beside a POST under way.
constexpr Duration kLook = absl::Milliseconds(200);

Json PortOf(const BackendSet& set, const std::string& consumer) {
  Json port = {{"target", set.target}, {"routes", Json::array()}, {"backends", Json::array()}};
  for (const ListenerSpec& route : set.listeners) {
    if (route.pull == consumer) {
      port["routes"].push_back({{"host", route.host}, {"path", route.path}, {"on", route.on}});
    }
  }
  for (const Backend& backend : Routable(set)) {
    port["backends"].push_back(
        {{"address", backend.address}, {"port", backend.port}, {"replica", ToString(backend.replica)}});
  }
  return port;
}

// "https://host:1/a?b" → ("https://host:1", "/a?b").
std::pair<std::string, std::string> SplitUrl(const std::string& url) {
  const size_t host = url.find("://");
  const size_t path = host == std::string::npos ? host : url.find('/', host + 3);
  return path == std::string::npos ? std::pair(url, std::string("/"))
                                   : std::pair(url.substr(0, path), url.substr(path));
}

}  // namespace

std::string WebhookBody(const View& view, const PulledServices& services, const std::string& consumer) {
  Json body = {{"consumer", consumer},
               {"cluster", view.cluster.value()},
               {"epoch", view.epoch.value()},
               {"services", Json::array()}};
  for (const auto& service : services) {
    Json one = {{"stack", service->key.stack},
                {"service", service->key.service},
                {"revision", service->record.backend_revision},
                {"ports", Json::array()}};
    for (const BackendSet& set : service->sets) {
      if (IsPulledBy(set, consumer)) {
        one["ports"].push_back(PortOf(set, consumer));
      }
    }
    body["services"].push_back(std::move(one));
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string WebhookSignature(const std::string& secret, int64_t timestamp, const std::string& body) {
  const std::string text = absl::StrCat(timestamp, ".", body);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  const std::string bytes(reinterpret_cast<const char*>(digest), size);
  return absl::StrCat("v1=", absl::BytesToHexString(bytes));
}

class Webhook::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)), retry_(options_.first_retry), thread_([this] { Run(); }) {}

  ~Impl() {
    stopping_ = true;
    {
      const std::lock_guard lock(mutex_);
      if (client_ != nullptr) {
        client_->stop();
      }
    }
    thread_.join();
  }

 private:
  void Run() {
    std::shared_ptr<const View> view;
    while (!stopping_) {
      view = options_.wait_view(view.get(), kLook);
      const absl::StatusOr<PulledServices> services = PulledBy(*view, options_.name);
      if (!services.ok() || Now() < retry_at_) {
        continue;
      }
      const std::string body = WebhookBody(*view, *services, options_.name);
      if (body == has_) {
        continue;
      }
      if (const absl::Status status = Send(body); !status.ok()) {
        retry_at_ = Now() + retry_;
        retry_ = std::min(retry_ * 2, options_.last_retry);
        Log(LogLevel::kWarning, "webhook",
            {{"name", options_.name}, {"error", std::string(status.message())}});
        continue;
      }
      has_ = body;
      retry_ = options_.first_retry;
      options_.post(ConsumerApplied{Now(), absl::Now(), options_.name, RevisionsOf(*services)});
    }
  }

  void SetClient(httplib::Client* client) {
    const std::lock_guard lock(mutex_);
    client_ = client;
  }

  absl::Status Send(const std::string& body) {
    std::ifstream file(options_.secret_file);
    std::string secret((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    absl::StripTrailingAsciiWhitespace(&secret);
    if (secret.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.secret_file, " is empty or can't be read; nothing is sent unsigned"));
    }
    const auto [origin, path] = SplitUrl(options_.url);
    httplib::Client client(origin);
    const auto seconds = static_cast<time_t>(absl::ToInt64Seconds(options_.timeout));
    client.set_connection_timeout(seconds);
    client.set_read_timeout(seconds);
    client.set_write_timeout(seconds);
    const int64_t timestamp = absl::ToUnixSeconds(absl::Now());
    const httplib::Headers headers = {{"Drover-Timestamp", absl::StrCat(timestamp)},
                                      {"Drover-Signature", WebhookSignature(secret, timestamp, body)}};
    SetClient(&client);
    const httplib::Result result = client.Post(path, headers, body, "application/json");
    SetClient(nullptr);
    if (!result) {
      return absl::UnavailableError(absl::StrCat(options_.url, ": ", httplib::to_string(result.error())));
    }
    if (result->status < 200 || result->status > 299) {
      return absl::UnavailableError(absl::StrCat(options_.url, ": answered ", result->status));
    }
    return absl::OkStatus();
  }

  const Options options_;
  std::string has_;  // what the balancer said it took last
  Instant retry_at_;
  Duration retry_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  httplib::Client* client_ = nullptr;  // while a POST is under way
  std::thread thread_;
};

Webhook::Webhook(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Webhook::~Webhook() = default;

}  // namespace drover::controller
