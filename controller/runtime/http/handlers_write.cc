#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/validate.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

// Posts the change and answers when it is durable.
ApiResponse Change(const Api& api, Event event) {
  const absl::StatusOr<Reply> reply = CallForReply(api, std::move(event));
  if (!reply.ok()) {
    return ErrorResponse(reply.status());
  }
  v1::ChangeResponse response;
  response.set_message(reply->message);
  return JsonResponse(response);
}

// The service as it is, for the audit; empty: there is none.
std::string BeforeOf(const Api& api, const ServiceKey& key) {
  const auto view = api.loop->view();
  const auto found = view->services.find(key);
  if (found == view->services.end()) {
    return "";
  }
  const ServiceRecord& record = found->second->record;
  return absl::StrCat(record.desired, " replicas", record.paused ? ", paused" : "",
                      record.held ? ", held" : "");
}

ApiResponse Noted(ApiResponse response, std::string before, std::string after) {
  response.audit.before = std::move(before);
  response.audit.after = std::move(after);
  return response;
}

}  // namespace

absl::StatusOr<Reply> CallForReply(const Api& api, Event event) {
  absl::StatusOr<Reply> reply = api.loop->Call(std::move(event), api.call_timeout);
  if (reply.ok() && !reply->status.ok()) {
    return reply->status;
  }
  return reply;
}

absl::StatusOr<Duration> Positive(const google::protobuf::Duration& duration, absl::string_view field) {
  if (!IsUsableDuration(duration) || ToCore(duration) <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": must be more than 0, for example \"3600s\""));
  }
  return ToCore(duration);
}

ApiResponse DeleteStackRequest(const Api& api, const ApiRequest& request) {
  const absl::StatusOr<bool> volumes = QueryFlag(request, "volumes");
  if (!volumes.ok()) {
    return ErrorResponse(volumes.status());
  }
  RemoveStack event;
  event.now = api.loop->Now();
  event.stack = request.params.at("stack");
  event.remove_volumes = *volumes;
  event.message = QueryText(request, "message");
  event.who = request.caller.who;
  const auto view = api.loop->view();
  const auto found = view->stacks.find(event.stack);
  std::string before = found == view->stacks.end() ? "" : absl::StrCat("revision ", found->second->revision);
  return Noted(Change(api, std::move(event)), std::move(before),
               *volumes ? "its volumes are removed, too" : "");
}

ApiResponse PostScale(const Api& api, const ApiRequest& request) {
  v1::ScaleRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  ScaleService event;
  if (body.has_hold()) {
    const absl::StatusOr<Duration> hold = Positive(body.hold(), "hold");
    if (!hold.ok()) {
      return ErrorResponse(hold.status());
    }
    if (body.forever()) {
      return ErrorResponse(400, "InvalidArgument", "hold and forever: give one of the two");
    }
    event.hold = *hold;
  }
  event.now = api.loop->Now();
  event.wall = absl::Now();
  event.service = KeyOf(request);
  event.replicas = body.replicas();
  event.forever = body.forever();
  event.message = body.message();
  event.who = request.caller.who;
  std::string before = BeforeOf(api, event.service);
  std::string after = absl::StrCat(event.replicas, " replicas",
                                   event.hold ? absl::StrCat(" for ", absl::FormatDuration(*event.hold)) : "",
                                   event.forever ? " until resumed" : "");
  return Noted(Change(api, std::move(event)), std::move(before), std::move(after));
}

ApiResponse PostPause(const Api& api, const ApiRequest& request) {
  v1::PauseRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  PauseService event;
  if (body.has_duration()) {
    const absl::StatusOr<Duration> duration = Positive(body.duration(), "duration");
    if (!duration.ok()) {
      return ErrorResponse(duration.status());
    }
    event.duration = *duration;
  }
  event.now = api.loop->Now();
  event.wall = absl::Now();
  event.service = KeyOf(request);
  event.down_only = body.down_only();
  event.message = body.message();
  event.who = request.caller.who;
  std::string before = BeforeOf(api, event.service);
  std::string after =
      absl::StrCat("paused", event.down_only ? " downwards" : "",
                   event.duration ? absl::StrCat(" for ", absl::FormatDuration(*event.duration)) : "");
  return Noted(Change(api, std::move(event)), std::move(before), std::move(after));
}

ApiResponse PostResume(const Api& api, const ApiRequest& request) {
  v1::ResumeRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  ResumeService event;
  event.now = api.loop->Now();
  event.service = KeyOf(request);
  event.message = body.message();
  event.who = request.caller.who;
  std::string before = BeforeOf(api, event.service);
  return Noted(Change(api, std::move(event)), std::move(before), "resumed");
}

ApiResponse PostMetric(const Api& api, const ApiRequest& request) {
  constexpr size_t kLongestUnit = 32;
  v1::PushMetricRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  if (!body.has_value()) {
    return ErrorResponse(400, "InvalidArgument",
                         "value: is missing; push a number, for example {\"value\": 12}");
  }
  if (!IsAmount(body.value())) {
    return ErrorResponse(400, "InvalidArgument",
                         "value: must be a number from 0 to 1e15; leave the push out while it is not known");
  }
  if (body.unit().size() > kLongestUnit) {
    return ErrorResponse(400, "InvalidArgument", absl::StrCat("unit: is longer than ", kLongestUnit));
  }
  PushMetric event;
  event.now = api.loop->Now();
  event.stack = request.params.at("stack");
  event.name = request.params.at("name");
  event.value = body.value();
  event.unit = body.unit();
  ApiResponse response = Change(api, std::move(event));
  response.audit.skipped = true;  // a measurement, often
  return response;
}

}  // namespace drover::controller
