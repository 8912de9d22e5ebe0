#include "tests/unit/cli/fake_controller.h"

#include <httplib.h>

#include <deque>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/client.h"
#include "drover/v1/api.pb.h"

namespace drover::cli {

struct FakeController::Server {
  struct Reply {
    int status = 200;
    std::string body;
    std::string type = "application/json";
  };

  void Handle(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard<std::mutex> lock(mutex);
    const std::string call = absl::StrCat(request.method, " ", request.path);
    requests.push_back({.call = absl::StrCat(request.method, " ", request.target),
                        .body = request.body,
                        .authorization = request.get_header_value("Authorization"),
                        .last_event_id = request.get_header_value("Last-Event-ID")});
    std::deque<Reply>& queue = replies[call];
    if (queue.empty()) {
      v1::ApiError error;
      error.set_message(absl::StrCat("no answer for ", call));
      response.status = 404;
      response.set_content(ToJson(error), "application/json");
      return;
    }
    const Reply reply = queue.front();
    if (queue.size() > 1) {
      queue.pop_front();
    }
    response.status = reply.status;
    response.set_content(reply.body, reply.type.c_str());
  }

  httplib::Server http;
  int port = 0;
  std::thread thread;
  mutable std::mutex mutex;
  std::map<std::string, std::deque<Reply>> replies;
  std::vector<Request> requests;
};

FakeController::FakeController() : server_(std::make_unique<Server>()) {
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    server_->Handle(request, response);
  };
  server_->http.Get(".*", handler);
  server_->http.Put(".*", handler);
  server_->http.Post(".*", handler);
  server_->http.Delete(".*", handler);
  server_->port = server_->http.bind_to_any_port("127.0.0.1");
  server_->thread = std::thread([this] { server_->http.listen_after_bind(); });
  while (!server_->http.is_running()) {  // stop() before that would be lost
    std::this_thread::yield();
  }
}

FakeController::~FakeController() {
  server_->http.stop();
  server_->thread.join();
}

void FakeController::Answer(const std::string& call, const google::protobuf::Message& message) {
  const std::lock_guard<std::mutex> lock(server_->mutex);
  server_->replies[call].push_back({.status = 200, .body = ToJson(message)});
}

void FakeController::AnswerError(const std::string& call, int status, const std::string& message) {
  v1::ApiError error;
  error.set_message(message);
  const std::lock_guard<std::mutex> lock(server_->mutex);
  server_->replies[call].push_back({.status = status, .body = ToJson(error)});
}

void FakeController::AnswerStream(const std::string& call,
                                  const std::vector<const google::protobuf::Message*>& messages) {
  std::string body = ": hello\n\n";
  for (const google::protobuf::Message* message : messages) {
    absl::StrAppend(&body, "id: 1\ndata: ", absl::StrReplaceAll(ToJson(*message), {{"\n", ""}}), "\n\n");
  }
  const std::lock_guard<std::mutex> lock(server_->mutex);
  server_->replies[call].push_back({.status = 200, .body = body, .type = "text/event-stream"});
}

std::vector<FakeController::Request> FakeController::requests() const {
  const std::lock_guard<std::mutex> lock(server_->mutex);
  return server_->requests;
}

FakeController::Request FakeController::Find(const std::string& prefix) const {
  for (const Request& request : requests()) {
    if (absl::StartsWith(request.call, prefix)) {
      return request;
    }
  }
  return {};
}

std::string FakeController::address() const { return absl::StrCat("http://127.0.0.1:", server_->port); }

}  // namespace drover::cli
