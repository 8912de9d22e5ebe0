#include "agent/runtime/docker/transport.h"

#include <httplib.h>
#include <sys/socket.h>

#include <cctype>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace drover::agent::docker {
namespace {

httplib::Request MakeRequest(const HttpCall& call) {
  httplib::Request request;
  request.method = call.method;
  request.path = call.path;
  // Without it the Host header would be the socket's path, which the engine refuses.
  request.headers.emplace("Host", "docker");
  for (const auto& [name, value] : call.headers) {
    request.headers.emplace(name, value);
  }
  if (!call.body.empty()) {
    request.headers.emplace("Content-Type", "application/json");
    request.body = call.body;
  }
  return request;
}

void SetTimeouts(httplib::Client& client, Duration limit) {
  auto micros = std::chrono::microseconds(absl::ToInt64Microseconds(limit));
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(std::chrono::seconds(5));
  client.set_write_timeout(std::chrono::seconds(5));
  client.set_read_timeout(micros);
  client.set_url_encode(false);
}

absl::Status TransportError(const std::string& socket, httplib::Error error, bool out_of_time,
                            Duration limit) {
  if (out_of_time) {
    return absl::DeadlineExceededError(
        absl::StrCat("docker at ", socket, ": no answer within ", absl::FormatDuration(limit)));
  }
  return absl::UnavailableError(
      absl::StrCat("docker at ", socket, ": ", httplib::to_string(error), " error; is the engine running?"));
}

}  // namespace

void Cancel::Trigger() {
  std::lock_guard lock(mutex_);
  triggered_ = true;
  if (hook_) {
    hook_();
  }
}

bool Cancel::triggered() const {
  std::lock_guard lock(mutex_);
  return triggered_;
}

void Cancel::SetHook(std::function<void()> hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
  if (triggered_ && hook_) {
    hook_();
  }
}

Transport::Transport(std::string socket_path) : socket_path_(std::move(socket_path)) {}

absl::StatusOr<HttpAnswer> Transport::Call(const HttpCall& call, Duration deadline) const {
  auto start = std::chrono::steady_clock::now();
  auto end = start + std::chrono::microseconds(absl::ToInt64Microseconds(deadline));
  httplib::Client client(socket_path_, 80);
  SetTimeouts(client, deadline);
  httplib::Request request = MakeRequest(call);
  HttpAnswer answer;
  // A read timeout is for one read; an answer that trickles is stopped here.
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    answer.body.append(data, size);
    return std::chrono::steady_clock::now() < end;
  };
  httplib::Result result = client.send(request);
  if (!result) {
    bool out_of_time = std::chrono::steady_clock::now() >= end;
    return TransportError(socket_path_, result.error(), out_of_time, deadline);
  }
  answer.status = result->status;
  return answer;
}

absl::StatusOr<HttpAnswer> Transport::Stream(const HttpCall& call, Duration idle,
                                             const std::function<bool(absl::string_view)>& sink,
                                             const std::shared_ptr<Cancel>& cancel) const {
  httplib::Client client(socket_path_, 80);
  SetTimeouts(client, idle);
  httplib::Request request = MakeRequest(call);
  HttpAnswer answer;
  bool ended_by_sink = false;
  auto last_read = std::chrono::steady_clock::now();
  request.response_handler = [&](const httplib::Response& response) {
    answer.status = response.status;
    return !cancel->triggered();
  };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    last_read = std::chrono::steady_clock::now();
    if (answer.status / 100 != 2) {
      answer.body.append(data, size);
      return true;
    }
    ended_by_sink = !sink(absl::string_view(data, size));
    return !ended_by_sink && !cancel->triggered();
  };
  if (cancel->triggered()) {
    return absl::CancelledError("cancelled");
  }
  cancel->SetHook([&client] { client.stop(); });
  httplib::Result result = client.send(request);
  cancel->SetHook(nullptr);
  if (cancel->triggered()) {
    return absl::CancelledError("cancelled");
  }
  if (!result && !ended_by_sink) {
    auto waited = std::chrono::steady_clock::now() - last_read;
    bool out_of_time = waited >= std::chrono::microseconds(absl::ToInt64Microseconds(idle));
    return TransportError(socket_path_, result.error(), out_of_time, idle);
  }
  if (result) {
    answer.status = result->status;
  }
  return answer;
}

std::string UrlEncode(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += absl::StrFormat("%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace drover::agent::docker
