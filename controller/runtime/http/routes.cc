#include "controller/runtime/http/routes.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_split.h"
#include "controller/runtime/http/handlers.h"
#include "drover/v1/api.pb.h"
#include "drover/v1/history.pb.h"

namespace drover::controller {
namespace {

using Answer = Route::Answer;

template <typename Message>
const google::protobuf::Descriptor* Of() {
  return Message::descriptor();
}

std::vector<Route> ReadRoutes() {
  const QueryParameter stack = {"stack", "string", "only of this stack"};
  const QueryParameter service = {"service", "string", "only of this service"};
  return {
      {.method = "GET",
       .pattern = "/v1/version",
       .summary = "Version, cluster id, epoch, and whether the controller is ready",
       .handler = GetVersion,
       .scoped = true,
       .response = Of<v1::VersionInfo>(),
       .essential = true,
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/stacks",
       .summary = "All stacks with their services",
       .handler = ListStacks,
       .scoped = true,
       .response = Of<v1::ListStacksResponse>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/stacks/{stack}",
       .summary = "One stack with its services and its spec",
       .handler = GetStack,
       .response = Of<v1::Stack>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/services",
       .summary = "All services",
       .handler = ListServices,
       .response = Of<v1::ListServicesResponse>(),
       .query = {stack}},
      {.method = "GET",
       .pattern = "/v1/services/{stack}/{service}",
       .summary = "One service",
       .handler = GetService,
       .response = Of<v1::Service>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/services/{stack}/{service}/why",
       .summary = "Why a service has the replicas that it has",
       .handler = GetWhy,
       .response = Of<v1::WhyResponse>(),
       .query = {{"at", "string", "as it was then: RFC 3339, or how long ago: 10m, 2h, 3d"}}},
      {.method = "GET",
       .pattern = "/v1/replicas",
       .summary = "All replicas",
       .handler = ListReplicas,
       .response = Of<v1::ListReplicasResponse>(),
       .query = {stack, service, {"all", "boolean", "also those that failed and are gone, for a day"}}},
      {.method = "GET",
       .pattern = "/v1/nodes",
       .summary = "All nodes",
       .handler = ListNodes,
       .response = Of<v1::ListNodesResponse>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/nodes/{node}",
       .summary = "One node, by id or name, with its replicas",
       .handler = GetNode,
       .response = Of<v1::Node>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/orphans",
       .summary = "Containers that agents found and no record names",
       .handler = ListOrphans,
       .response = Of<v1::ListOrphansResponse>(),
       .query = {}},
  };
}

std::vector<Route> EdgeRoutes() {
  return {
      {.method = "GET",
       .pattern = "/v1/edges/checks",
       .summary =
           "The lines that balancers of somebody else's (`attach` in x-edge) need, and which of them are "
           "there; asked of the agents, which try commands on free servers only",
       .handler = GetEdgeChecks,
       .response = Of<v1::EdgeChecksResponse>(),
       .query = {{"stack", "string", "only of this stack"}, {"service", "string", "only of this service"}}},
  };
}

std::vector<Route> WriteRoutes() {
  return {
      {.method = "PUT",
       .pattern = "/v1/stacks/{stack}",
       .summary = "Applies a stack, or with dryRun tells what applying would change",
       .handler = PutStack,
       .need = Need::kDeploy,
       .request = Of<v1::ApplyStackRequest>(),
       .response = Of<v1::ApplyStackResponse>(),
       .query = {}},
      {.method = "DELETE",
       .pattern = "/v1/stacks/{stack}",
       .summary = "Stops and removes a stack",
       .handler = DeleteStackRequest,
       .need = Need::kDeploy,
       .response = Of<v1::ChangeResponse>(),
       .query = {{"volumes", "boolean", "also removes its named volumes"},
                 {"message", "string", "why, for the audit"}}},
      {.method = "POST",
       .pattern = "/v1/services/{stack}/{service}/scale",
       .summary = "Sets the number of replicas by hand",
       .handler = PostScale,
       .need = Need::kDeploy,
       .request = Of<v1::ScaleRequest>(),
       .response = Of<v1::ChangeResponse>(),
       .query = {}},
      {.method = "POST",
       .pattern = "/v1/services/{stack}/{service}/pause",
       .summary = "Keeps the autoscaler from changing the service",
       .handler = PostPause,
       .need = Need::kDeploy,
       .request = Of<v1::PauseRequest>(),
       .response = Of<v1::ChangeResponse>(),
       .query = {}},
      {.method = "POST",
       .pattern = "/v1/services/{stack}/{service}/resume",
       .summary = "Ends a pause or a hold",
       .handler = PostResume,
       .need = Need::kDeploy,
       .request = Of<v1::ResumeRequest>(),
       .response = Of<v1::ChangeResponse>(),
       .query = {}},
      {.method = "POST",
       .pattern = "/v1/metrics/{stack}/{name}",
       .summary = "Pushes the value of a queue that x-queues declares as `pushed: NAME`",
       .handler = PostMetric,
       .need = Need::kDeploy,
       .request = Of<v1::PushMetricRequest>(),
       .response = Of<v1::ChangeResponse>(),
       .query = {}},
  };
}

Route NodeChange(const char* pattern, const char* summary, ApiHandler handler) {
  return {.method = "POST",
          .pattern = pattern,
          .summary = summary,
          .handler = handler,
          .request = Of<v1::NodeChangeRequest>(),
          .response = Of<v1::NodeChangeResponse>(),
          .query = {}};
}

std::vector<Route> OperatorRoutes() {
  const QueryParameter message = {"message", "string", "why, for the audit"};
  return {
      NodeChange("/v1/nodes/{node}/cordon", "The node takes no more replicas", PostCordon),
      NodeChange("/v1/nodes/{node}/uncordon", "The node takes replicas again; ends a drain and maintenance",
                 PostUncordon),
      NodeChange(
          "/v1/nodes/{node}/drain",
          "What can move leaves the node, or with dryRun is told where it would go; what keeps data stays",
          PostDrain),
      NodeChange("/v1/nodes/{node}/maintenance",
                 "As drain; nothing that stays is replaced meanwhile, and it ends by itself",
                 PostMaintenance),
      {.method = "DELETE",
       .pattern = "/v1/nodes/{node}",
       .summary = "Removes a node for good; of a lost one the replicas are replaced at once",
       .handler = DeleteNodeRequest,
       .response = Of<v1::NodeChangeResponse>(),
       .query = {{"force", "boolean", "also while it is up and holds replicas, or data"}, message}},
      {.method = "POST",
       .pattern = "/v1/freeze",
       .summary = "Nothing is scaled, replaced or rolled out until it is over",
       .handler = PostFreeze,
       .request = Of<v1::FreezeRequest>(),
       .response = Of<v1::ChangeResponse>(),
       .query = {}},
      {.method = "DELETE",
       .pattern = "/v1/freeze",
       .summary = "Ends a freeze",
       .handler = DeleteFreeze,
       .response = Of<v1::ChangeResponse>(),
       .query = {message}},
  };
}

std::vector<Route> StreamRoutes() {
  return {
      {.method = "GET",
       .pattern = "/v1/events",
       .summary = "What happened, as a list or (Accept: text/event-stream) as a stream that resumes by "
                  "Last-Event-ID",
       .handler = GetEvents,
       .response = Of<v1::ListEventsResponse>(),
       .answer = Answer::kMessageOrEventStream,
       .query = {{"since", "integer", "only events with a larger id; absent: the newest"},
                 {"stack", "string", "only of this stack"},
                 {"service", "string", "only of this service"},
                 {"limit", "integer", "at most so many; 1000"}}},
      {.method = "GET",
       .pattern = "/v1/services/{stack}/{service}/history",
       .summary =
           "What the service's decisions were made of, oldest first, then one HistoryEnd; begins so early "
           "that the decision in force at `since` can be made again",
       .handler = GetHistory,
       .response = Of<v1::HistoryRecord>(),
       .answer = Answer::kEventStream,
       .query = {{"since", "string", "RFC 3339, or how long ago: 10m, 2h, 7d; absent: 1h"}}},
      {.method = "GET",
       .pattern = "/v1/logs",
       .summary = "Output of replicas, line by line",
       .handler = GetLogs,
       .response = Of<v1::LogLine>(),
       .answer = Answer::kEventStream,
       .query = {{"stack", "string", "of this stack"},
                 {"service", "string", "of this service"},
                 {"replica", "string", "id or name of one replica"},
                 {"follow", "boolean", "go on with what is written from now on"},
                 {"tail", "integer", "only the last lines of each replica; absent: all"},
                 {"timestamps", "boolean", "a time in front of each line"}}},
      {.method = "POST",
       .pattern = "/v1/exec",
       .summary = "Runs a command in a replica",
       .handler = PostExec,
       .need = Need::kDeploy,
       .scoped = true,
       .request = Of<v1::ExecCommand>(),
       .response = Of<v1::ExecOutput>(),
       .answer = Answer::kEventStream,
       .query = {}},
  };
}

std::vector<Route> DiscoveryRoutes() {
  return {
      {.method = "GET",
       .pattern = "/v1/http_sd",
       .summary = "Targets for Prometheus' http_sd: agents, and published ports of replicas; 503 until what "
                  "runs is known",
       .handler = GetHttpSd,
       .answer = Answer::kJson,
       .observation = true,
       .query = {{"role", "string", "agent or replica; absent: both"},
                 {"stack", "string", "replicas of this stack"},
                 {"service", "string", "replicas of this service"},
                 {"port", "integer", "replicas' targets of this container port"}}},
      {.method = "GET",
       .pattern = "/v1/traefik",
       .summary = "Routers and services for Traefik's HTTP provider; 503 until what runs is known",
       .handler = GetTraefik,
       .answer = Answer::kJson,
       .query = {{"consumer", "string", "of the services that say `pull: NAME` in x-edge; must be given"}}},
  };
}

std::vector<Route> MetaRoutes() {
  return {
      {.method = "GET",
       .pattern = "/v1/openapi.json",
       .summary = "This description",
       .handler = GetOpenApi,
       .need = Need::kNothing,
       .answer = Answer::kJson,
       .query = {}},
      {.method = "GET",
       .pattern = "/metrics",
       .summary = "Metrics in Prometheus' text format",
       .handler = GetMetrics,
       .answer = Answer::kText,
       .essential = true,
       .observation = true,
       .query = {}},
      {.method = "GET",
       .pattern = "/healthz",
       .summary = "200 while the process serves",
       .handler = GetHealth,
       .need = Need::kNothing,
       .answer = Answer::kText,
       .essential = true,
       .observation = true,
       .query = {}},
      {.method = "GET",
       .pattern = "/readyz",
       .summary = "200 when the controller decides, 503 with the reason when it does not",
       .handler = GetReadiness,
       .need = Need::kNothing,
       .answer = Answer::kText,
       .essential = true,
       .observation = true,
       .query = {}},
  };
}

std::vector<Route> AccessRoutes() {
  return {
      {.method = "GET",
       .pattern = "/v1/tokens",
       .summary = "All tokens, without their secrets",
       .handler = ListTokens,
       .need = Need::kAdminister,
       .response = Of<v1::ListTokensResponse>(),
       .query = {}},
      {.method = "POST",
       .pattern = "/v1/tokens",
       .summary = "Makes a token; its secret is in the answer and nowhere else",
       .handler = CreateToken,
       .need = Need::kAdminister,
       .request = Of<v1::CreateTokenRequest>(),
       .response = Of<v1::CreateTokenResponse>(),
       .query = {}},
      {.method = "DELETE",
       .pattern = "/v1/tokens/{token}",
       .summary = "Removes a token by its id: whoever bears it gets nothing any more",
       .handler = DeleteToken,
       .need = Need::kAdminister,
       .response = Of<v1::ChangeResponse>(),
       .query = {{"message", "string", "why, for the audit"}}},
      {.method = "POST",
       .pattern = "/v1/join",
       .summary = "Certifies a host as a node; a token of role node is in the body. The header "
                  "Drover-Agents-Port of the answer is the port for its agent's stream",
       .handler = PostJoin,
       .need = Need::kNothing,
       .request = Of<v1::JoinRequest>(),
       .response = Of<v1::JoinResponse>(),
       .query = {}},
      {.method = "GET",
       .pattern = "/v1/audit",
       .summary = "Who changed what, and who was denied it; the newest, oldest first",
       .handler = GetAudit,
       .need = Need::kOperate,
       .response = Of<v1::ListAuditResponse>(),
       .query = {{"since", "string", "RFC 3339, or how long ago: 10m, 2h, 7d; absent: from the beginning"},
                 {"who", "string", "only of whom this is part of the name"},
                 {"limit", "integer", "at most so many; 1000"}}},
  };
}

std::vector<Route> AllRoutes() {
  std::vector<Route> all;
  for (const auto& part : {MetaRoutes(), ReadRoutes(), EdgeRoutes(), DiscoveryRoutes(), WriteRoutes(),
                           OperatorRoutes(), StreamRoutes(), AccessRoutes()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// True when `path` has the shape of `pattern`; fills the params.
bool Matches(const std::string& pattern, const std::string& path,
             std::map<std::string, std::string>& params) {
  const std::vector<std::string> want = absl::StrSplit(pattern, '/');
  const std::vector<std::string> have = absl::StrSplit(path, '/');
  if (want.size() != have.size()) {
    return false;
  }
  params.clear();
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i].size() > 2 && want[i].front() == '{') {
      if (have[i].empty()) {
        return false;
      }
      params[want[i].substr(1, want[i].size() - 2)] = have[i];
    } else if (want[i] != have[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Need NeedOf(const Route& route) {
  return route.need.value_or(std::string_view(route.method) == "GET" ? Need::kView : Need::kOperate);
}

const std::vector<Route>& Routes() {
  static const std::vector<Route>* const routes = new std::vector<Route>(AllRoutes());
  return *routes;
}

RouteMatch FindRoute(const std::string& method, const std::string& path) {
  RouteMatch match;
  const std::string wanted = method == "HEAD" ? "GET" : method;
  std::map<std::string, std::string> params;
  for (const Route& route : Routes()) {
    if (!Matches(route.pattern, path, params)) {
      continue;
    }
    match.allowed.push_back(route.method);
    if (wanted == route.method) {
      match.route = &route;
      match.params = params;
    }
  }
  return match;
}

}  // namespace drover::controller
