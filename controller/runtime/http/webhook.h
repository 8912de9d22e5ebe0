// Tells a balancer its backends by a signed POST at each change, until it says that it has them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controller/core/event.h"
#include "controller/core/view.h"
#include "controller/runtime/pulls.h"

namespace drover::controller {

// What is sent: JSON of all services with a route for `consumer`, always the whole.
std::string WebhookBody(const View& view, const PulledServices& services, const std::string& consumer);

// "v1=" and HMAC-SHA256 of "TIMESTAMP.BODY" in lower-case hex; `timestamp` in seconds since 1970.
std::string WebhookSignature(const std::string& secret, int64_t timestamp, const std::string& body);

class Webhook {
 public:
  struct Options {
    std::string name;         // as routes have it
    std::string url;          // http:// or https://
    std::string secret_file;  // read anew for each POST; a newline at its end does not count
    Duration timeout = absl::Seconds(10);
    Duration first_retry = absl::Milliseconds(500);  // doubles
    Duration last_retry = absl::Seconds(30);
    // As in Loop; called on the webhook's own thread.
    std::function<std::shared_ptr<const View>(const View* than, Duration timeout)> wait_view;
    std::function<void(Event)> post;
  };

  // Starts at once.
  explicit Webhook(Options options);
  // Breaks off a POST under way.
  ~Webhook();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
