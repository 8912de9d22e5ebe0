#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/log_stream.h"
#include "controller/runtime/http/sse.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr size_t kDefaultLimit = 1000;
constexpr size_t kLargestLimit = 10000;
constexpr size_t kLogsAtATime = 64;

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

// ---- logs -------------------------------------------------------------------------------------------

// Adds the output of `target`, or the line that says why it can't be had, which is also returned.
absl::Status OpenLog(const Api& api, const Target& target, LogQuery query, LogStream& stream) {
  query.replica = target.id;
  absl::StatusOr<std::unique_ptr<OutputStream>> output = api.agents->OpenLog(target.node, query);
  if (output.ok()) {
    stream.Add(target.name, *std::move(output));
  } else {
    stream.AddFault(target.name, output.status());
  }
  return output.status();
}

// Adds replicas that are not `known` yet from their first line, as long as there is such a service.
LogStream::Refill LaterReplicas(const Api& api, const std::string& stack, const std::string& service,
                                LogQuery query, std::set<ReplicaId> known) {
  query.tail = -1;
  return [=, known = std::move(known)](LogStream& stream) mutable {
    const std::shared_ptr<const View> view = api.loop->view();
    for (const Target& target : FindReplicas(*view, stack, service, "")) {
      if (stream.reading() < kLogsAtATime && known.insert(target.id).second) {
        OpenLog(api, target, query, stream).IgnoreError();
      }
    }
    return std::any_of(view->services.begin(), view->services.end(), [&](const auto& entry) {
      return entry.first.stack == stack && (service.empty() || entry.first.service == service);
    });
  };
}

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
  LogQuery query;
  query.follow = *follow;
  query.tail =
      request.query.count("tail") > 0 ? static_cast<int32_t>(std::min<uint64_t>(*tail, 1U << 30)) : -1;
  query.timestamps = *timestamps;
  auto stream = std::make_unique<LogStream>(api, *std::move(ticket));
  std::set<ReplicaId> known;
  for (const Target& target : targets) {
    const absl::Status opened = OpenLog(api, target, query, *stream);
    if (!opened.ok() && targets.size() == 1) {
      return ErrorResponse(opened);
    }
    known.insert(target.id);
  }
  if (query.follow && replica.empty()) {
    stream->RefillBy(LaterReplicas(api, stack, QueryText(request, "service"), query, std::move(known)));
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
  const std::vector<Target> targets =
      FindReplicas(*api.loop->view(), request.caller.stack, "", body.replica_id());
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
  ApiResponse response =
      StreamResponse(std::make_unique<ExecStream>(api, *std::move(ticket), *std::move(output)));
  response.audit.subject = absl::StrCat("replica ", targets[0].name);
  response.audit.after = absl::StrJoin(body.command(), " ");
  return response;
}

}  // namespace drover::controller
