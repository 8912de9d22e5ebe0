// Operators' words on nodes and on the cluster as a whole.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

using Kind = ChangeNode::Kind;

ApiResponse Send(const Api& api, ChangeNode event, const View& before) {
  const bool empties = event.kind == Kind::kDrain || event.kind == Kind::kMaintenance;
  const absl::StatusOr<Reply> reply = CallForReply(api, std::move(event));
  if (!reply.ok()) {
    return ErrorResponse(reply.status());
  }
  v1::NodeChangeResponse response;
  response.set_message(reply->message);
  bool fits = empties;
  for (const NodeMove& move : reply->moves) {
    *response.add_moves() = MoveToApi(move, before);
    fits = fits && (move.stays || move.why.empty());
  }
  response.set_fits(fits);
  ApiResponse out = JsonResponse(response);
  out.audit.after = reply->message;
  return out;
}

absl::StatusOr<std::optional<Duration>> Optional(bool given, const google::protobuf::Duration& duration,
                                                 absl::string_view field) {
  if (!given) {
    return std::optional<Duration>();
  }
  absl::StatusOr<Duration> positive = Positive(duration, field);
  if (!positive.ok()) {
    return positive.status();
  }
  return std::optional<Duration>(*positive);
}

ApiResponse ChangeOf(const Api& api, const ApiRequest& request, Kind kind) {
  v1::NodeChangeRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  const auto view = api.loop->view();
  ApiResponse error;
  const std::shared_ptr<const NodeView> node = NodeOf(request, *view, &error);
  if (node == nullptr) {
    return error;
  }
  const bool empties = kind == Kind::kDrain || kind == Kind::kMaintenance;
  if (!empties && (body.has_deadline() || body.has_duration() || body.dry_run())) {
    return ErrorResponse(400, "InvalidArgument",
                         "deadline, duration and dryRun are for drain and maintenance");
  }
  ChangeNode event;
  const auto deadline = Optional(body.has_deadline(), body.deadline(), "deadline");
  const auto duration = Optional(body.has_duration(), body.duration(), "duration");
  for (const auto* given : {&deadline, &duration}) {
    if (!given->ok()) {
      return ErrorResponse(given->status());
    }
  }
  event.now = api.loop->Now();
  event.wall = absl::Now();
  event.node = node->record.id;
  event.kind = kind;
  event.deadline = *deadline;
  event.duration = *duration;
  event.dry_run = body.dry_run();
  event.message = body.message();
  event.who = request.caller.who;
  return Send(api, std::move(event), *view);
}

ApiResponse Freeze(const Api& api, FreezeCluster event) {
  event.now = api.loop->Now();
  event.wall = absl::Now();
  const absl::StatusOr<Reply> reply = CallForReply(api, std::move(event));
  if (!reply.ok()) {
    return ErrorResponse(reply.status());
  }
  v1::ChangeResponse response;
  response.set_message(reply->message);
  return JsonResponse(response);
}

}  // namespace

ApiResponse PostCordon(const Api& api, const ApiRequest& request) {
  return ChangeOf(api, request, Kind::kCordon);
}

ApiResponse PostUncordon(const Api& api, const ApiRequest& request) {
  return ChangeOf(api, request, Kind::kUncordon);
}

ApiResponse PostDrain(const Api& api, const ApiRequest& request) {
  return ChangeOf(api, request, Kind::kDrain);
}

ApiResponse PostMaintenance(const Api& api, const ApiRequest& request) {
  return ChangeOf(api, request, Kind::kMaintenance);
}

ApiResponse DeleteNodeRequest(const Api& api, const ApiRequest& request) {
  const absl::StatusOr<bool> force = QueryFlag(request, "force");
  if (!force.ok()) {
    return ErrorResponse(force.status());
  }
  const auto view = api.loop->view();
  ApiResponse error;
  const std::shared_ptr<const NodeView> node = NodeOf(request, *view, &error);
  if (node == nullptr) {
    return error;
  }
  ChangeNode event;
  event.now = api.loop->Now();
  event.wall = absl::Now();
  event.node = node->record.id;
  event.kind = Kind::kRemove;
  event.force = *force;
  event.message = QueryText(request, "message");
  event.who = request.caller.who;
  ApiResponse out = Send(api, std::move(event), *view);
  if (out.status < 300) {
    if (const absl::Status revoked = RevokeNode(api, node->record.id); !revoked.ok()) {
      return ErrorResponse(revoked);
    }
  }
  return out;
}

ApiResponse PostFreeze(const Api& api, const ApiRequest& request) {
  v1::FreezeRequest body;
  if (const absl::Status parsed = ParseBody(request, &body); !parsed.ok()) {
    return ErrorResponse(parsed);
  }
  const auto duration = Optional(body.has_duration(), body.duration(), "duration");
  if (!duration.ok()) {
    return ErrorResponse(duration.status());
  }
  FreezeCluster event;
  event.duration = *duration;
  event.message = body.message();
  event.who = request.caller.who;
  return Freeze(api, std::move(event));
}

ApiResponse DeleteFreeze(const Api& api, const ApiRequest& request) {
  FreezeCluster event;
  event.freeze = false;
  event.message = QueryText(request, "message");
  event.who = request.caller.who;
  return Freeze(api, std::move(event));
}

}  // namespace drover::controller
