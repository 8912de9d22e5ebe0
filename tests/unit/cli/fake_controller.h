// A small server that speaks api.proto with answers given by the test, and keeps what it was asked.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace drover::cli {

class FakeController {
 public:
  FakeController();
  ~FakeController();
  FakeController(const FakeController&) = delete;
  FakeController& operator=(const FakeController&) = delete;

  // `call` is "METHOD PATH" without the query. Of several answers each is given once, the last for ever.
  void Answer(const std::string& call, const google::protobuf::Message& message);
  void AnswerError(const std::string& call, int status, const std::string& message);
  // Server-sent events with these messages as data, then the end.
  void AnswerStream(const std::string& call, const std::vector<const google::protobuf::Message*>& messages);

  struct Request {
    std::string call;  // with the query: "GET /v1/replicas?stack=shop"
    std::string body;
    std::string authorization;
    std::string last_event_id;
  };

  std::vector<Request> requests() const;
  // The first request whose call begins with `prefix`; empty when there was none.
  Request Find(const std::string& prefix) const;

  std::string address() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace drover::cli
