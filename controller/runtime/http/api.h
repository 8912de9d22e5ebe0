// What handlers work with: plain requests and responses, no HTTP library. A handler is a function from
// a request to a response; everything it may use is in Api.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/ports/agent_link.h"
#include "controller/ports/history.h"
#include "controller/runtime/http/loop_client.h"
#include "google/protobuf/message.h"

namespace drover::controller {

// Whoever asks, as far as it was found out.
struct Caller {
  std::string who;    // the token's name and id; without a token the address
  std::string stack;  // only this one may be seen and changed; empty: all
};

struct ApiRequest {
  std::string method;
  std::string path;
  std::string body;
  std::string remote;  // address of the caller
  Caller caller;
  std::string accept;                         // Accept
  std::string last_event_id;                  // Last-Event-ID; empty: none
  std::map<std::string, std::string> params;  // {stack} … of the path, decoded
  std::map<std::string, std::string> query;   // decoded; the last one of a name counts
};

// A response that goes on: server-sent events.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Appends the next bytes, waiting a short while for them (HttpServer::Options::stream_poll); none is
  // fine. False: this was the end.
  virtual bool Next(std::string& out) = 0;
};

// What a change adds to its entry in the audit (R12), besides caller, path and outcome. All for people.
struct AuditNote {
  std::string who;      // empty: the caller
  std::string subject;  // empty: what the path names
  std::string before;
  std::string after;
  std::string message;   // why, as they said
  bool skipped = false;  // it was no change
};

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<ByteStream> stream;  // set: instead of body
  std::function<void()> sent;  // called once the body has been written to the connection; may be empty
  AuditNote audit;
};

// Counts what is open and refuses beyond a limit.
class Gate {
 public:
  explicit Gate(size_t limit) : limit_(limit) {}

  class Ticket {
   public:
    explicit Ticket(Gate* gate) : gate_(gate) {}

    Ticket(Ticket&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}

    Ticket& operator=(Ticket&&) = delete;

    ~Ticket() {
      if (gate_ != nullptr) {
        --gate_->open_;
      }
    }

   private:
    Gate* gate_;
  };

  // Absent when `limit` are open.
  std::optional<Ticket> Enter();

  size_t open() const { return open_; }

 private:
  const size_t limit_;
  std::atomic<size_t> open_ = 0;
};

class AccessControl;
class DecisionCounter;

struct Api {
  LoopClient* loop = nullptr;
  AgentLink* agents = nullptr;
  HistoryLog* history = nullptr;               // null: none is kept
  AccessControl* access = nullptr;             // null: nobody is asked for a token, no node joins
  std::function<int()> agents_port = nullptr;  // of gRPC; absent: as access
  Gate* streams = nullptr;
  const DecisionCounter* decisions = nullptr;
  const std::atomic<bool>* stopping = nullptr;
  Duration first_node_wait;
  Duration call_timeout;
  Duration stream_poll;
};

using ApiHandler = ApiResponse (*)(const Api& api, const ApiRequest& request);

// ---- responses --------------------------------------------------------------------------------------

ApiResponse JsonResponse(const google::protobuf::Message& message);
// An ApiError. Overload (503, 429) comes with Retry-After.
ApiResponse ErrorResponse(int status, absl::string_view code, absl::string_view message);
// The HTTP status and the CamelCase code that belong to `status`, which is not OK.
ApiResponse ErrorResponse(const absl::Status& status);
// The protobuf JSON mapping, every plain field printed.
std::string ToJson(const google::protobuf::Message& message);

// ---- requests ---------------------------------------------------------------------------------------

// InvalidArgument with the place of the fault when the body is not JSON of this message; an empty body
// is the empty message.
absl::Status ParseBody(const ApiRequest& request, google::protobuf::Message* message);

// Empty when absent.
std::string QueryText(const ApiRequest& request, const std::string& name);
// Absent: `otherwise`. InvalidArgument names the parameter.
absl::StatusOr<uint64_t> QueryNumber(const ApiRequest& request, const std::string& name, uint64_t otherwise);
// "true", "1" or present without a value; "false", "0" or absent.
absl::StatusOr<bool> QueryFlag(const ApiRequest& request, const std::string& name);

}  // namespace drover::controller
