#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/history/at.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/sse.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/history.pb.h"
#include "google/protobuf/util/json_util.h"

namespace drover::controller {
namespace {

constexpr size_t kChunk = 64 << 10;  // bytes handed out at a time

ApiResponse NoHistory() { return ErrorResponse(503, "NoHistory", "this controller keeps no history"); }

int64_t UnixNanos(const std::optional<absl::Time>& time) { return time ? absl::ToUnixNanos(*time) : 0; }

// Without the fields that are zero: there are many records.
std::string CompactJson(const v1::HistoryRecord& record) {
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(record, &json);
  return json;
}

class HistoryStream : public ByteStream {
 public:
  HistoryStream(const Api& api, Gate::Ticket ticket, absl::Time since, std::unique_ptr<HistoryCursor> cursor)
      : api_(api), ticket_(std::move(ticket)), since_(since), cursor_(std::move(cursor)) {}

  bool Next(std::string& out) override {
    if (!std::exchange(begun_, true)) {
      v1::HistoryRecord record;
      record.mutable_begin()->set_since_ns(absl::ToUnixNanos(since_));
      out += SseFrame(0, "", CompactJson(record));
    }
    while (out.size() < kChunk && !*api_.stopping) {
      v1::HistoryRecord record;
      const std::optional<std::string> bytes = cursor_->Next();
      if (!bytes) {
        const HistoryLog::Kept kept = api_.history->kept();
        record.mutable_end()->set_earliest_ns(UnixNanos(kept.earliest));
        record.mutable_end()->set_full_from_ns(UnixNanos(kept.full_from));
        out += SseFrame(0, "", CompactJson(record));
        return false;
      }
      if (record.ParseFromString(*bytes)) {
        out += SseFrame(0, "", CompactJson(record));
      }
    }
    return !*api_.stopping;
  }

 private:
  const Api api_;
  const Gate::Ticket ticket_;
  const absl::Time since_;
  bool begun_ = false;
  const std::unique_ptr<HistoryCursor> cursor_;
};

}  // namespace

ApiResponse GetWhyAt(const Api& api, const ApiRequest& request, const ServiceView& service) {
  if (api.history == nullptr) {
    return NoHistory();
  }
  const auto view = api.loop->view();
  const absl::StatusOr<absl::Time> at = ParsePastTime(QueryText(request, "at"), absl::Now());
  if (!at.ok()) {
    return ErrorResponse(400, "InvalidArgument", absl::StrCat("?at=: ", std::string(at.status().message())));
  }
  const absl::StatusOr<PastDecision> past = DecisionAt(*api.history, service.key, *at);
  if (!past.ok()) {
    return ErrorResponse(past.status());
  }
  v1::WhyResponse why;
  *why.mutable_service() = ServiceToApi(service, *view);
  *why.mutable_at() = ToProto(*at);
  why.set_note(past->note);
  *why.mutable_decision() = DecisionToApi(past->decision);
  if (past->last_change) {
    *why.mutable_last_change() = DecisionToApi(*past->last_change);
  }
  if (past->spec != nullptr) {
    why.mutable_service()->set_min(static_cast<uint32_t>(past->spec->min));
    why.mutable_service()->set_max(static_cast<uint32_t>(past->spec->max));
  }
  why.mutable_recent()->Assign(past->events.begin(), past->events.end());
  why.mutable_blocked()->Assign(past->decision.blocked.begin(), past->decision.blocked.end());
  return JsonResponse(why);
}

ApiResponse GetHistory(const Api& api, const ApiRequest& request) {
  if (api.history == nullptr) {
    return NoHistory();
  }
  const ServiceKey key = KeyOf(request);
  const auto view = api.loop->view();
  if (view->services.count(key) == 0) {
    return ServiceNotFound(key, *view);
  }
  const std::string text = request.query.count("since") > 0 ? QueryText(request, "since") : "1h";
  const absl::Time now = absl::Now();
  const absl::StatusOr<absl::Time> since = ParsePastTime(text, now);
  if (!since.ok()) {
    return ErrorResponse(400, "InvalidArgument",
                         absl::StrCat("?since=: ", std::string(since.status().message())));
  }
  std::optional<Gate::Ticket> ticket = api.streams->Enter();
  if (!ticket) {
    return ErrorResponse(503, "TooManyStreams", "all event streams are taken; try again in a moment");
  }
  absl::StatusOr<std::unique_ptr<HistoryCursor>> cursor = api.history->Read(key, *since, now);
  if (!cursor.ok()) {
    return ErrorResponse(503, "TooManyReaders", cursor.status().message());
  }
  ApiResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.stream = std::make_unique<HistoryStream>(api, *std::move(ticket), *since, *std::move(cursor));
  return response;
}

}  // namespace drover::controller
