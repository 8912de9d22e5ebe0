// The controller's HTTP API as seen from the command line: JSON bodies of the messages in
// proto/drover/v1/api.proto, server-sent events, and errors in words for people.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace drover::cli {

// Splits a server-sent event stream into the data of its events.
class SseParser {
 public:
  // Takes the next piece of the stream and calls `on_data` for each event that it completes. False as
  // soon as `on_data` returned false.
  bool Feed(const std::string& piece, const std::function<bool(const std::string& data)>& on_data);

 private:
  std::string rest_;
  std::string data_;
};

// "?a=1&b=x%2Fy" of the parameters that are not empty; "" when none is.
std::string Query(const std::vector<std::pair<std::string, std::string>>& parameters);

// One controller. Every call opens its own connection and may be made from any thread. Errors:
// Unavailable when nobody answers (with the address and what to set), NotFound, Unauthenticated,
// PermissionDenied and FailedPrecondition with the controller's own message.
class Client {
 public:
  struct Options {
    std::string address = "http://127.0.0.1:7401";  // DROVER_ADDR
    std::string token;                              // DROVER_TOKEN; empty: none
    std::string ca_cert;  // DROVER_CACERT; empty: the cluster that the token is of, else the system's
  };

  explicit Client(Options options) : options_(std::move(options)) {}

  absl::Status Get(const std::string& path, google::protobuf::Message* response) const;
  // `method`: PUT, POST or DELETE; `body` may be null.
  absl::Status Send(const std::string& method, const std::string& path, const google::protobuf::Message* body,
                    google::protobuf::Message* response) const;

  struct StreamRequest {
    std::string path;
    const google::protobuf::Message* body = nullptr;  // set: POST
    std::string last_event_id;                        // resume after it; empty: from now
  };

  // Calls `on_data` with the data of each event until the stream ends or it returns false.
  absl::Status Stream(const StreamRequest& request,
                      const std::function<bool(const std::string& data)>& on_data) const;

  const std::string& address() const { return options_.address; }

 private:
  Options options_;
};

// The JSON mapping, indented, with every line end. The message must be valid UTF-8.
std::string ToJson(const google::protobuf::Message& message);
// InvalidArgument when `json` is not this message; unknown fields are ignored.
absl::Status FromJson(const std::string& json, google::protobuf::Message* message);

}  // namespace drover::cli
