#include <algorithm>
#include <condition_variable>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/sse.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr size_t kDefaultLimit = 1000;
constexpr size_t kLargestLimit = 10000;
constexpr size_t kLogsAtATime = 64;
constexpr size_t kLinesWaiting = 4096;
constexpr size_t kLongestLine = 64 << 10;

ApiResponse TooManyStreams() {
  return ErrorResponse(503, "TooManyStreams", "all event streams are taken; try again in a moment");
}

ApiResponse StreamResponse(std::unique_ptr<ByteStream> stream) {
  ApiResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.stream = std::move(stream);
  return response;
}

// ---- replicas by name -------------------------------------------------------------------------------

struct Target {
  ReplicaId id;
  std::string name;
  NodeId node;
};

bool HasContainer(ReplicaState state) {
  return state != ReplicaState::kPending && state != ReplicaState::kAssigned &&
         state != ReplicaState::kPulling && state != ReplicaState::kGone && state != ReplicaState::kLost;
}

// By id or container name; all of a service or stack when `replica` is empty.
std::vector<Target> FindReplicas(const View& view, const std::string& stack, const std::string& service,
                                 const std::string& replica) {
  std::vector<Target> found;
  for (const auto& [key, entry] : view.services) {
    if ((!stack.empty() && key.stack != stack) || (!service.empty() && key.service != service)) {
      continue;
    }
    for (const ReplicaView& candidate : entry->replicas) {
      const bool named =
          replica.empty() || candidate.name == replica || ToString(candidate.record.id) == replica;
      if (named && HasContainer(candidate.state) && !candidate.record.node.value().empty()) {
        found.push_back({.id = candidate.record.id, .name = candidate.name, .node = candidate.record.node});
      }
    }
  }
  return found;
}

// ---- logs -------------------------------------------------------------------------------------------

// Lines of several replicas, each read by a thread of its own, in the order in which they come.
class LogStream : public ByteStream {
 public:
  LogStream(const Api& api, Gate::Ticket ticket) : api_(api), ticket_(std::move(ticket)) {}

  ~LogStream() override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    drained_.notify_all();
    for (std::thread& reader : readers_) {
      reader.join();
    }
  }

  void Add(std::string name, std::unique_ptr<OutputStream> output) {
    const std::lock_guard lock(mutex_);
    ++reading_;
    readers_.emplace_back([this, name = std::move(name), output = std::move(output)]() mutable {
      Read(name, *output);
      const std::lock_guard done(mutex_);
      --reading_;
      filled_.notify_all();
    });
  }

  void AddFault(const std::string& name, const absl::Status& status) {
    v1::LogLine line;
    line.set_replica_name(name);
    line.set_error(std::string(status.message()));
    Put(line);
  }

  bool Next(std::string& out) override {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, absl::ToChronoNanoseconds(api_.stream_poll),
                     [this] { return !lines_.empty() || reading_ == 0; });
    if (lines_.empty()) {
      if (reading_ == 0 || *api_.stopping) {
        return false;
      }
      if (++silent_ % 20 == 1) {
        out += SseComment("alive");
      }
      return true;
    }
    for (; !lines_.empty(); lines_.pop_front()) {
      out += SseFrame(0, "", lines_.front());
    }
    drained_.notify_all();
    return !*api_.stopping;
  }

 private:
  void Put(const v1::LogLine& line) {
    std::string json = ToJson(line);
    std::unique_lock lock(mutex_);
    drained_.wait(lock, [this] { return lines_.size() < kLinesWaiting || cancelled_; });
    lines_.push_back(std::move(json));
    filled_.notify_all();
  }

  bool cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }

  void Read(const std::string& name, OutputStream& output) {
    std::map<uint32_t, std::string> partial;  // by source: what has no line end yet
    while (!cancelled()) {
      absl::StatusOr<OutputChunk> chunk = output.Next(api_.stream_poll);
      if (absl::IsDeadlineExceeded(chunk.status())) {
        continue;
      }
      if (!chunk.ok()) {
        FlushPartial(name, partial);
        AddFault(name, chunk.status());
        return;
      }
      SplitLines(name, *chunk, partial[chunk->source]);
      if (chunk->end) {
        FlushPartial(name, partial);
        if (!chunk->error.empty()) {
          AddFault(name, absl::UnavailableError(chunk->error));
        }
        return;
      }
    }
  }

  void SplitLines(const std::string& name, const OutputChunk& chunk, std::string& partial) {
    partial += chunk.data;
    size_t start = 0;
    for (size_t end = partial.find('\n'); end != std::string::npos; end = partial.find('\n', start)) {
      PutLine(name, chunk.source, partial.substr(start, end - start));
      start = end + 1;
    }
    partial.erase(0, start);
    if (partial.size() > kLongestLine) {
      PutLine(name, chunk.source, partial);
      partial.clear();
    }
  }

  void FlushPartial(const std::string& name, std::map<uint32_t, std::string>& partial) {
    for (auto& [source, text] : partial) {
      if (!text.empty()) {
        PutLine(name, source, std::move(text));
      }
    }
    partial.clear();
  }

  void PutLine(const std::string& name, uint32_t source, std::string text) {
    if (!text.empty() && text.back() == '\r') {
      text.pop_back();
    }
    v1::LogLine line;
    line.set_replica_name(name);
    line.set_source(source);
    line.set_text(ValidUtf8(std::move(text)));
    Put(line);
  }

  // JSON strings hold no other bytes; what a container writes may be anything.
  static std::string ValidUtf8(std::string text) {
    for (size_t i = 0; i < text.size();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const size_t length = byte < 0x80                   ? 1
                            : byte >= 0xF0 && byte < 0xF5 ? 4
                            : byte >= 0xE0                ? 3
                            : byte >= 0xC2                ? 2
                                                          : 0;
      bool valid = length > 0 && byte < 0xF5 && i + length <= text.size();
      for (size_t k = 1; valid && k < length; ++k) {
        valid = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
      }
      if (valid) {
        i += length;
      } else {
        text[i++] = '?';
      }
    }
    return text;
  }

  const Api api_;
  const Gate::Ticket ticket_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<std::string> lines_;  // JSON
  size_t reading_ = 0;
  bool cancelled_ = false;
  uint64_t silent_ = 0;
  std::vector<std::thread> readers_;
};

// ---- exec -------------------------------------------------------------------------------------------

class ExecStream : public ByteStream {
 public:
  ExecStream(const Api& api, Gate::Ticket ticket, std::unique_ptr<OutputStream> output)
      : api_(api), ticket_(std::move(ticket)), output_(std::move(output)) {}

  bool Next(std::string& out) override {
    const absl::StatusOr<OutputChunk> chunk = output_->Next(api_.stream_poll);
    if (absl::IsDeadlineExceeded(chunk.status())) {
      out += SseComment("alive");  // also finds out that the caller is gone
      return !*api_.stopping;
    }
    v1::ExecOutput output;
    if (chunk.ok()) {
      output.set_source(chunk->source);
      output.set_data(chunk->data);
      output.set_end(chunk->end);
      output.set_exit_code(chunk->exit_code);
      output.set_error(chunk->error);
    } else {
      output.set_end(true);
      output.set_error(std::string(chunk.status().message()));
    }
    out += SseFrame(0, "", ToJson(output));
    return !output.end() && !*api_.stopping;
  }

 private:
  const Api api_;
  const Gate::Ticket ticket_;
  const std::unique_ptr<OutputStream> output_;
};

// ---- events -----------------------------------------------------------------------------------------

// The newest `limit` when `since` is absent, else the first `limit` after it; oldest first.
ApiResponse EventList(const Api& api, std::optional<uint64_t> since, size_t limit,
                      const EventFilter& filter) {
  std::deque<EventRecord> chosen;
  for (EventRecord& event :
       api.loop->Events(since.value_or(0), std::numeric_limits<size_t>::max(), absl::ZeroDuration())) {
    if (!filter.Passes(event)) {
      continue;
    }
    if (chosen.size() == limit) {
      if (since) {
        break;
      }
      chosen.pop_front();
    }
    chosen.push_back(std::move(event));
  }
  v1::ListEventsResponse list;
  for (const EventRecord& event : chosen) {
    *list.add_events() = EventToApi(event);
  }
  return JsonResponse(list);
}

uint64_t NewestEvent(const Api& api) {
  const auto events = api.loop->Events(0, std::numeric_limits<size_t>::max(), absl::ZeroDuration());
  return events.empty() ? 0 : events.back().id;
}

}  // namespace

ApiResponse GetEvents(const Api& api, const ApiRequest& request) {
  const EventFilter filter = {.stack = QueryText(request, "stack"), .service = QueryText(request, "service")};
  const absl::StatusOr<uint64_t> since_number = QueryNumber(request, "since", 0);
  const absl::StatusOr<uint64_t> limit = QueryNumber(request, "limit", kDefaultLimit);
  for (const absl::Status& status : {since_number.status(), limit.status()}) {
    if (!status.ok()) {
      return ErrorResponse(status);
    }
  }
  std::optional<uint64_t> since;
  if (request.query.count("since") > 0) {
    since = *since_number;
  }
  if (!absl::StrContains(request.accept, "text/event-stream")) {
    if (*limit < 1 || *limit > kLargestLimit) {
      return ErrorResponse(400, "InvalidArgument",
                           absl::StrCat("?limit=", *limit, ": must be 1 to ", kLargestLimit));
    }
    return EventList(api, since, *limit, filter);
  }
  if (!request.last_event_id.empty()) {
    uint64_t last = 0;
    if (!absl::SimpleAtoi(request.last_event_id, &last)) {
      return ErrorResponse(400, "InvalidArgument", "Last-Event-ID: must be the id of an event");
    }
    since = last;
  }
  std::optional<Gate::Ticket> ticket = api.streams->Enter();
  if (!ticket) {
    return TooManyStreams();
  }
  const uint64_t from = since ? *since : NewestEvent(api);
  return StreamResponse(MakeEventStream(api, from, filter, *std::move(ticket)));
}

ApiResponse GetLogs(const Api& api, const ApiRequest& request) {
  const absl::StatusOr<bool> follow = QueryFlag(request, "follow");
  const absl::StatusOr<bool> timestamps = QueryFlag(request, "timestamps");
  const absl::StatusOr<uint64_t> tail = QueryNumber(request, "tail", 0);
  for (const absl::Status& status : {follow.status(), timestamps.status(), tail.status()}) {
    if (!status.ok()) {
      return ErrorResponse(status);
    }
  }
  const std::string stack = QueryText(request, "stack");
  const std::string replica = QueryText(request, "replica");
  if (stack.empty() && replica.empty()) {
    return ErrorResponse(400, "InvalidArgument",
                         "name a stack or a replica: ?stack=shop or ?replica=shop-web-1");
  }
  const std::vector<Target> targets =
      FindReplicas(*api.loop->view(), stack, QueryText(request, "service"), replica);
  if (targets.empty()) {
    return ErrorResponse(404, "NotFound", "no replica with a container fits; see /v1/replicas");
  }
  if (targets.size() > kLogsAtATime) {
    return ErrorResponse(400, "InvalidArgument",
                         absl::StrCat(targets.size(), " replicas fit, at most ", kLogsAtATime,
                                      " at a time; name a service or a replica"));
  }
  std::optional<Gate::Ticket> ticket = api.streams->Enter();
  if (!ticket) {
    return TooManyStreams();
  }
  auto stream = std::make_unique<LogStream>(api, *std::move(ticket));
  for (const Target& target : targets) {
    LogQuery query;
    query.replica = target.id;
    query.follow = *follow;
    query.tail =
        request.query.count("tail") > 0 ? static_cast<int32_t>(std::min<uint64_t>(*tail, 1U << 30)) : -1;
    query.timestamps = *timestamps;
    absl::StatusOr<std::unique_ptr<OutputStream>> output = api.agents->OpenLog(target.node, query);
    if (output.ok()) {
      stream->Add(target.name, *std::move(output));
    } else if (targets.size() == 1) {
      return ErrorResponse(output.status());
    } else {
      stream->AddFault(target.name, output.status());
    }
  }
  return StreamResponse(std::move(stream));
}

ApiResponse PostExec(const Api& api, const ApiRequest& request) {
  v1::ExecCommand body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  if (body.replica_id().empty() || body.command().empty()) {
    return ErrorResponse(400, "InvalidArgument", "replicaId and command: both must be given");
  }
  const std::vector<Target> targets = FindReplicas(*api.loop->view(), "", "", body.replica_id());
  if (targets.size() != 1) {
    return ErrorResponse(404, "NotFound",
                         absl::StrCat("no running replica \"", body.replica_id(), "\"; see /v1/replicas"));
  }
  std::optional<Gate::Ticket> ticket = api.streams->Enter();
  if (!ticket) {
    return TooManyStreams();
  }
  ExecQuery query;
  query.replica = targets[0].id;
  query.command.assign(body.command().begin(), body.command().end());
  query.environment.assign(body.environment().begin(), body.environment().end());
  query.user = body.user();
  query.working_dir = body.working_dir();
  query.input = body.stdin();
  absl::StatusOr<std::unique_ptr<OutputStream>> output = api.agents->Exec(targets[0].node, query);
  if (!output.ok()) {
    return ErrorResponse(output.status());
  }
  return StreamResponse(std::make_unique<ExecStream>(api, *std::move(ticket), *std::move(output)));
}

}  // namespace drover::controller
