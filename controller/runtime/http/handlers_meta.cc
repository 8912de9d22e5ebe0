#include <string>

#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/metrics.h"
#include "controller/runtime/http/openapi.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

ApiResponse Text(int status, std::string body) {
  ApiResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

std::optional<HistoryLog::Stats> HistoryStats(const Api& api) {
  return api.history == nullptr ? std::nullopt : std::optional(api.history->stats());
}

}  // namespace

ApiResponse GetVersion(const Api& api, const ApiRequest&) {
  const auto view = api.loop->view();
  v1::VersionInfo info;
  info.set_version(DROVER_VERSION);
  info.set_cluster_id(view->cluster.value());
  info.set_epoch(view->epoch.value());
  info.set_ready(view->ready);
  info.set_not_ready_reason(view->not_ready_reason);
  info.set_frozen(view->whole.frozen);
  info.set_frozen_note(view->whole.frozen_note);
  if (view->whole.frozen_until) {
    *info.mutable_frozen_until() = ToProto(*view->whole.frozen_until);
  }
  return JsonResponse(info);
}

ApiResponse GetHealth(const Api&, const ApiRequest&) { return Text(200, "ok\n"); }

ApiResponse GetReadiness(const Api& api, const ApiRequest&) {
  const auto view = api.loop->view();
  if (view->ready) {
    return Text(200, "ok\n");
  }
  ApiResponse response = Text(503, absl::StrCat("not ready: ", view->not_ready_reason, "\n"));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

ApiResponse GetMetrics(const Api& api, const ApiRequest&) {
  const auto view = api.loop->view();
  ApiResponse response = Text(200, MetricsText({.view = view.get(),
                                                .loop = api.loop->stats(),
                                                .event_streams = api.streams->open(),
                                                .decisions = api.decisions->counts(),
                                                .history = HistoryStats(api)}));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

ApiResponse GetOpenApi(const Api&, const ApiRequest&) {
  ApiResponse response;
  response.body = OpenApiJson();
  return response;
}

}  // namespace drover::controller
