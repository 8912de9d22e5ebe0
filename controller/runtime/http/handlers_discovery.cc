#include <nlohmann/json.hpp>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/address.h"
#include "controller/core/view.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/pulls.h"
#include "controller/runtime/traefik.h"

namespace drover::controller {
namespace {

using Json = nlohmann::ordered_json;

bool Serves(ReplicaState state) {
  return state == ReplicaState::kRunning || state == ReplicaState::kReady || state == ReplicaState::kDraining;
}

void AddAgents(const View& view, Json& groups) {
  for (const auto& [id, node] : view.nodes) {
    if (!node->metrics_address.empty()) {
      groups.push_back({{"targets", Json::array({node->metrics_address})},
                        {"labels", {{"node", node->record.name}, {"__meta_drover_role", "agent"}}}});
    }
  }
}

void AddReplica(const ServiceKey& service, const ReplicaView& replica, const View& view, uint32_t wanted_port,
                Json& groups) {
  const auto node = view.nodes.find(replica.record.node);
  if (!Serves(replica.state) || node == view.nodes.end()) {
    return;
  }
  for (const PublishedPort& port : replica.record.published) {
    if (wanted_port != 0 && port.container_port != wanted_port) {
      continue;
    }
    groups.push_back({{"targets", Json::array({HostPort(node->second->record.address, port.host_port)})},
                      {"labels",
                       {{"stack", service.stack},
                        {"service", service.service},
                        {"replica", replica.name},
                        {"node", node->second->record.name},
                        {"__meta_drover_role", "replica"},
                        {"__meta_drover_state", std::string(ToString(replica.state))},
                        {"__meta_drover_container_port", absl::StrCat(port.container_port)}}}});
  }
}

}  // namespace

ApiResponse GetHttpSd(const Api& api, const ApiRequest& request) {
  const std::string role = QueryText(request, "role");
  const std::string stack = QueryText(request, "stack");
  const std::string service = QueryText(request, "service");
  const std::string port_text = QueryText(request, "port");
  uint32_t port = 0;
  if (!role.empty() && role != "agent" && role != "replica") {
    return ErrorResponse(400, "InvalidArgument",
                         absl::StrCat("role: is \"", role, "\"; give agent or replica"));
  }
  if (!port_text.empty() && (!absl::SimpleAtoi(port_text, &port) || port == 0 || port > 65535)) {
    return ErrorResponse(400, "InvalidArgument",
                         absl::StrCat("port: is \"", port_text, "\"; give a container port, 1 to 65535"));
  }
  const auto view = api.loop->view();
  if (!view->ready) {
    return ErrorResponse(503, "Unavailable", absl::StrCat("not ready: ", view->not_ready_reason));
  }
  Json groups = Json::array();
  if (role != "replica") {
    AddAgents(*view, groups);
  }
  for (const auto& [key, one] : view->services) {
    if (role == "agent" || (!stack.empty() && key.stack != stack) ||
        (!service.empty() && key.service != service)) {
      continue;
    }
    for (const ReplicaView& replica : one->replicas) {
      AddReplica(key, replica, *view, port, groups);
    }
  }
  ApiResponse response;
  response.body = groups.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

ApiResponse GetTraefik(const Api& api, const ApiRequest& request) {
  const std::string consumer = QueryText(request, "consumer");
  if (consumer.empty()) {
    return ErrorResponse(400, "InvalidArgument",
                         "consumer: is missing; give the name that services have in `pull`");
  }
  const auto view = api.loop->view();
  const absl::StatusOr<PulledServices> pulled = PulledBy(*view, consumer);
  if (!pulled.ok()) {
    return ErrorResponse(pulled.status());
  }
  ApiResponse response;
  response.body = TraefikDocument(*pulled, consumer);
  if (!pulled->empty()) {
    response.sent = [loop = api.loop, consumer, revisions = RevisionsOf(*pulled)] {
      loop->Post(ConsumerApplied{loop->Now(), absl::Now(), consumer, revisions});
    };
  }
  return response;
}

}  // namespace drover::controller
