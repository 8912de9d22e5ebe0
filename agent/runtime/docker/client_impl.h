// Shared by client.cc and client_stream.cc: calls with the version prefix, and errors in the engine's
// words. Not for others: it brings the JSON library along.
#pragma once

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/runtime/docker/client.h"

namespace drover::agent::docker {

using Json = nlohmann::json;

class Client::Impl {
 public:
  explicit Impl(std::string socket_path) : transport_(std::move(socket_path)) {}

  // The call, its status checked; the body parsed (null when it is empty). `what` names it in errors.
  absl::StatusOr<Json> Call(const std::string& method, const std::string& path, const Json& body,
                            absl::string_view what, Duration deadline = absl::Seconds(30));
  // A status for an answer that is not 2xx or 3xx; counts it.
  absl::Status ErrorOf(const HttpAnswer& answer, absl::string_view what);
  absl::Status Count(absl::Status status);

  std::string Prefix() const {
    std::lock_guard lock(mutex_);
    return "/v" + api_version_;
  }

  void SetApiVersion(std::string version) {
    std::lock_guard lock(mutex_);
    api_version_ = std::move(version);
  }

  Transport& transport() { return transport_; }

  uint64_t errors() const { return errors_; }

 private:
  Transport transport_;
  mutable std::mutex mutex_;
  std::string api_version_ = "1.41";
  std::atomic<uint64_t> errors_{0};
};

// The value at `key`, or `fallback` when it is absent, null or of another type.
std::string Text(const Json& object, const char* key);
int64_t Number(const Json& object, const char* key);
bool Flag(const Json& object, const char* key);
// The object at `key`; an empty one when absent.
const Json& Object(const Json& object, const char* key);
std::map<std::string, std::string> TextMap(const Json& object, const char* key);
// A filters parameter: {"label":["x"]} encoded.
std::string Filters(const Json& filters);

}  // namespace drover::agent::docker
