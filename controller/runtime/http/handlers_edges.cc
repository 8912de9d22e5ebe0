#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/core/view.h"
#include "controller/runtime/http/handlers.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {
namespace {

constexpr Duration kCheckTimeout = absl::Seconds(8);  // for `nginx -T` of a large configuration too

// The routes of a service by which some balancer of somebody else's leads to it, by backend set.
std::map<std::pair<uint32_t, std::string>, std::vector<ListenerSpec>> AttachedRoutes(
    const ServiceSpec& spec) {
  std::map<std::pair<uint32_t, std::string>, std::vector<ListenerSpec>> routes;
  for (const ListenerSpec& listener : spec.listeners) {
    if (!listener.attach.empty()) {
      routes[{listener.target, listener.attach}].push_back(listener);
    }
  }
  return routes;
}

bool LeadsThrough(const std::vector<ListenerSpec>& listeners, const std::string& edge) {
  return std::any_of(listeners.begin(), listeners.end(), [&](const ListenerSpec& listener) {
    return listener.on.empty() ||
           std::find(listener.on.begin(), listener.on.end(), edge) != listener.on.end();
  });
}

// What is asked, each with the part of its answer that is known before.
struct Checkups {
  v1::EdgeChecksResponse response;
  std::vector<EdgeCheckQuery> queries;
};

void AddService(const ServiceView& service, const View& view, Checkups& out) {
  for (const auto& [key, listeners] : AttachedRoutes(service.spec)) {
    for (const auto& [id, node] : view.nodes) {
      if (!node->record.edge || !LeadsThrough(listeners, node->record.name)) {
        continue;
      }
      v1::EdgeCheckup& checkup = *out.response.add_edges();
      checkup.set_stack(service.key.stack);
      checkup.set_service(service.key.service);
      checkup.set_target(key.first);
      checkup.set_backend(key.second);
      checkup.set_node_id(id.value());
      checkup.set_node_name(node->record.name);
      const auto handle = service.handles.find(key);
      out.queries.push_back({.node = id, .set = handle == service.handles.end() ? 0 : handle->second});
    }
  }
}

// Why a service has nothing to check.
std::string WhyNone(const ServiceView& service) {
  const std::string name = ToString(service.key);
  if (service.spec.listeners.empty()) {
    return absl::StrCat(name, " publishes no port: no balancer leads to it");
  }
  const auto routes = AttachedRoutes(service.spec);
  if (routes.empty()) {
    return absl::StrCat(name,
                        " is behind balancers that Drover configures itself: no lines of yours are needed");
  }
  return absl::StrCat(
      name, " attaches to ", routes.begin()->first.second,
      ", but no node that it may use has a balancer; an agent beside the balancer needs `edge:` in "
      "its configuration");
}

v1::EdgeCheckup::Check::Result ResultOf(const EdgeCheckLine& line) {
  return line.unseen ? v1::EdgeCheckup::Check::UNKNOWN
         : line.ok   ? v1::EdgeCheckup::Check::OK
                     : v1::EdgeCheckup::Check::FAILED;
}

void Fill(const EdgeCheckAnswer& answer, v1::EdgeCheckup& checkup) {
  checkup.set_snippet(answer.snippet);
  checkup.set_error(answer.error);
  for (const EdgeCheckLine& line : answer.checks) {
    v1::EdgeCheckup::Check& check = *checkup.add_checks();
    check.set_name(line.name);
    check.set_result(ResultOf(line));
    check.set_detail(line.detail);
  }
}

void Ask(const Api& api, const View& view, Checkups& checkups) {
  const std::vector<NodeId> connected = api.agents->ConnectedNodes();
  const auto answers = api.agents->CheckEdges(checkups.queries, kCheckTimeout);
  for (int i = 0; i < checkups.response.edges_size(); ++i) {
    v1::EdgeCheckup& checkup = *checkups.response.mutable_edges(i);
    const NodeId& node = checkups.queries[static_cast<size_t>(i)].node;
    if (const auto& answer = answers[static_cast<size_t>(i)]) {
      Fill(*answer, checkup);
    } else if (std::find(connected.begin(), connected.end(), node) == connected.end()) {
      checkup.set_error(absl::StrCat("node ", checkup.node_name(), " is not connected"));
    } else {
      checkup.set_error(absl::StrCat("node ", checkup.node_name(), " did not answer within ",
                                     absl::FormatDuration(kCheckTimeout), "; its agent (",
                                     view.nodes.at(node)->version, ") may be older than this controller (",
                                     DROVER_VERSION, ") and not know the question"));
    }
  }
}

}  // namespace

ApiResponse GetEdgeChecks(const Api& api, const ApiRequest& request) {
  const auto view = api.loop->view();
  const std::string stack = QueryText(request, "stack");
  const std::string name = QueryText(request, "service");
  Checkups checkups;
  const ServiceView* only = nullptr;
  for (const auto& [key, service] : view->services) {
    if ((stack.empty() || key.stack == stack) && (name.empty() || key.service == name)) {
      only = service.get();
      AddService(*service, *view, checkups);
    }
  }
  if (!name.empty() && only == nullptr) {
    return ServiceNotFound({.stack = stack, .service = name}, *view);
  }
  if (checkups.queries.empty()) {
    checkups.response.set_note(name.empty()
                                   ? "no service is behind a balancer of somebody else's (`attach` in x-edge)"
                                   : WhyNone(*only));
  }
  Ask(api, *view, checkups);
  return JsonResponse(checkups.response);
}

}  // namespace drover::controller
