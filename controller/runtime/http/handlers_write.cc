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
  event.who = request.remote;
  return Change(api, std::move(event));
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
  event.who = request.remote;
  return Change(api, std::move(event));
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
  event.who = request.remote;
  return Change(api, std::move(event));
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
  event.who = request.remote;
  return Change(api, std::move(event));
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
  return Change(api, std::move(event));
}

}  // namespace drover::controller
