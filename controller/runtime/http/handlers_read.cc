#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/view.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/http/handlers.h"
#include "controller/runtime/http/view_to_api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr size_t kRecentEvents = 10;

ApiResponse NotFound(absl::string_view what, const std::string& name, std::vector<std::string> known) {
  constexpr size_t kShown = 20;
  std::sort(known.begin(), known.end());
  std::string message = absl::StrCat("no ", what, " \"", name, "\"");
  if (known.empty()) {
    absl::StrAppend(&message, "; there is none yet");
  } else {
    const bool more = known.size() > kShown;
    known.resize(std::min(known.size(), kShown));
    absl::StrAppend(&message, "; there are: ", absl::StrJoin(known, ", "), more ? ", …" : "");
  }
  return ErrorResponse(404, "NotFound", message);
}

// Stuck calls of the nodes that hold a replica of the service (R3.8).
void AddStuck(const ServiceView& service, const View& view, v1::WhyResponse& why) {
  std::vector<NodeId> nodes;
  for (const ReplicaView& replica : service.replicas) {
    nodes.push_back(replica.record.node);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  for (const NodeId& id : nodes) {
    const auto node = view.nodes.find(id);
    if (node == view.nodes.end()) {
      continue;
    }
    for (const StuckCall& stuck : node->second->stuck) {
      *why.add_stuck() = StuckToApi(stuck);
    }
  }
}

// What failed and is not there any more (R3.6).
void AddGone(const ServiceView& service, const View& view, v1::ListReplicasResponse& list) {
  for (const FailureRecord& failure : service.record.failures) {
    const bool there =
        std::any_of(service.replicas.begin(), service.replicas.end(),
                    [&](const ReplicaView& replica) { return replica.record.id == failure.replica; });
    if (!there) {
      *list.add_replicas() = FailureToApi(failure, service.key, view);
    }
  }
}

}  // namespace

ServiceKey KeyOf(const ApiRequest& request) {
  return {.stack = request.params.at("stack"), .service = request.params.at("service")};
}

ApiResponse ServiceNotFound(const ServiceKey& key, const View& view) {
  std::vector<std::string> known;
  for (const auto& [other, service] : view.services) {
    known.push_back(ToString(other));
  }
  return NotFound("service", ToString(key), std::move(known));
}

ApiResponse ListStacks(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  v1::ListStacksResponse list;
  for (const auto& [name, stack] : view->stacks) {
    if (request.caller.stack.empty() || request.caller.stack == name) {
      *list.add_stacks() = StackToApi(*stack, *view);
    }
  }
  return JsonResponse(list);
}

ApiResponse GetStack(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const std::string& name = request.params.at("stack");
  const auto found = view->stacks.find(name);
  if (found == view->stacks.end()) {
    std::vector<std::string> known;
    for (const auto& [other, stack] : view->stacks) {
      known.push_back(other);
    }
    return NotFound("stack", name, std::move(known));
  }
  v1::Stack stack = StackToApi(*found->second, *view);
  absl::StatusOr<v1::StackSpec> spec = ShownSpec(found->second->source);
  if (!spec.ok()) {
    return ErrorResponse(spec.status());
  }
  *stack.mutable_spec() = *std::move(spec);
  return JsonResponse(stack);
}

ApiResponse ListServices(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const std::string stack = QueryText(request, "stack");
  v1::ListServicesResponse list;
  for (const auto& [key, service] : view->services) {
    if (stack.empty() || key.stack == stack) {
      *list.add_services() = ServiceToApi(*service, *view);
    }
  }
  return JsonResponse(list);
}

ApiResponse GetService(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const auto found = view->services.find(KeyOf(request));
  if (found == view->services.end()) {
    return ServiceNotFound(KeyOf(request), *view);
  }
  return JsonResponse(ServiceToApi(*found->second, *view));
}

ApiResponse GetWhy(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const auto found = view->services.find(KeyOf(request));
  if (found == view->services.end()) {
    return ServiceNotFound(KeyOf(request), *view);
  }
  const ServiceView& service = *found->second;
  if (request.query.count("at") > 0) {
    return GetWhyAt(api, request, service);
  }
  v1::WhyResponse why;
  *why.mutable_service() = ServiceToApi(service, *view);
  if (service.decision != nullptr) {
    *why.mutable_decision() = DecisionToApi(*service.decision);
  }
  if (service.last_change != nullptr) {
    *why.mutable_last_change() = DecisionToApi(*service.last_change);
  }
  for (const ReplicaView& replica : service.replicas) {
    *why.add_replicas() = ReplicaToApi(replica, service, *view);
  }
  const std::vector<EventRecord> events =
      api.loop->Events(0, std::numeric_limits<size_t>::max() / 2, absl::ZeroDuration());
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->service == service.key && static_cast<size_t>(why.recent_size()) < kRecentEvents) {
      *why.add_recent() = EventToApi(*event);
    }
  }
  for (const std::string& line : service.blocked) {
    why.add_blocked(line);
  }
  AddStuck(service, *view, why);
  return JsonResponse(why);
}

ApiResponse ListReplicas(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const std::string stack = QueryText(request, "stack");
  const std::string name = QueryText(request, "service");
  const absl::StatusOr<bool> all = QueryFlag(request, "all");
  if (!all.ok()) {
    return ErrorResponse(all.status());
  }
  v1::ListReplicasResponse list;
  for (const auto& [key, service] : view->services) {
    if ((!stack.empty() && key.stack != stack) || (!name.empty() && key.service != name)) {
      continue;
    }
    for (const ReplicaView& replica : service->replicas) {
      *list.add_replicas() = ReplicaToApi(replica, *service, *view);
    }
    if (*all) {
      AddGone(*service, *view, list);
    }
  }
  return JsonResponse(list);
}

ApiResponse ListNodes(const Api& api, const ApiRequest&) {
  const auto view = api.loop->view();
  v1::ListNodesResponse list;
  for (const auto& [id, node] : view->nodes) {
    *list.add_nodes() = NodeToApi(*node, *view);
  }
  return JsonResponse(list);
}

std::shared_ptr<const NodeView> NodeOf(const ApiRequest& request, const View& view, ApiResponse* error) {
  const std::string& name = request.params.at("node");
  std::vector<std::shared_ptr<const NodeView>> found;
  std::vector<std::string> known;
  for (const auto& [id, node] : view.nodes) {
    known.push_back(node->record.name);
    if (id.value() == name) {
      return node;
    }
    if (node->record.name == name) {
      found.push_back(node);
    }
  }
  if (found.size() == 1) {
    return found[0];
  }
  *error =
      found.empty()
          ? NotFound("node", name, std::move(known))
          : ErrorResponse(409, "Ambiguous",
                          absl::StrCat(found.size(), " nodes are named \"", name, "\"; name it by its id"));
  return nullptr;
}

ApiResponse GetNode(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  ApiResponse error;
  const std::shared_ptr<const NodeView> found = NodeOf(request, *view, &error);
  if (found == nullptr) {
    return error;
  }
  v1::Node node = NodeToApi(*found, *view);
  for (const NodeMove& move : found->moves) {
    *node.add_moves() = MoveToApi(move, *view);
  }
  for (const auto& [key, service] : view->services) {
    for (const ReplicaView& replica : service->replicas) {
      if (replica.record.node == found->record.id) {
        *node.add_replica_list() = ReplicaToApi(replica, *service, *view);
      }
    }
  }
  return JsonResponse(node);
}

ApiResponse ListOrphans(const Api& api, const ApiRequest&) {
  const auto view = api.loop->view();
  v1::ListOrphansResponse list;
  for (const auto& [id, node] : view->nodes) {
    for (const FoundReplica& found : node->orphans) {
      *list.add_orphans() = OrphanToApi(found, *node);
    }
  }
  return JsonResponse(list);
}

}  // namespace drover::controller
