#include "tests/unit/controller/runtime/xds/support.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"

namespace drover::controller {
namespace {

template <typename Message>
std::string NameIn(const google::protobuf::Any& body, const std::string& type) {
  Message message;
  return body.UnpackTo(&message) ? absl::StrCat(type, " ", message.name()) : "";
}

std::string EndpointsIn(const google::protobuf::Any& body) {
  envoy::config::endpoint::v3::ClusterLoadAssignment assignment;
  if (!body.UnpackTo(&assignment)) {
    return "";
  }
  std::string text = absl::StrCat("endpoints ", assignment.cluster_name());
  for (const auto& locality : assignment.endpoints()) {
    for (const auto& endpoint : locality.lb_endpoints()) {
      const auto& socket = endpoint.endpoint().address().socket_address();
      absl::StrAppend(&text, " ", socket.address(), ":", socket.port_value());
    }
  }
  return text;
}

}  // namespace

View XdsView(const std::vector<XdsServiceOf>& services) {
  View view;
  view.ready = true;
  for (const XdsServiceOf& wanted : services) {
    auto service = std::make_shared<ServiceView>();
    service->key = {"shop", wanted.name};
    service->record.backend_revision = wanted.revision;
    service->pulls[kXdsConsumer];
    service->sets_known = wanted.known;
    for (const uint32_t target : wanted.targets) {
      BackendSet set;
      set.service = service->key;
      set.target = target;
      set.listeners.emplace_back().pull = kXdsConsumer;
      for (const bool drain : {false, true}) {
        for (const int number : drain ? wanted.draining : wanted.backends) {
          set.backends.push_back(
              {ReplicaId(static_cast<uint64_t>(number)), absl::StrCat("10.0.0.", number), 20000, drain});
        }
      }
      service->sets.push_back(set);
    }
    view.services[service->key] = service;
  }
  return view;
}

std::shared_ptr<const XdsSnapshot> SnapshotOf(const std::vector<XdsServiceOf>& services,
                                              std::shared_ptr<const XdsSnapshot> former) {
  return NextSnapshot(XdsView(services), former ? former : std::make_shared<const XdsSnapshot>());
}

XdsSession::Request Ask(XdsType type, const std::vector<std::string>& names, const std::string& node) {
  XdsSession::Request request;
  request.set_type_url(TypeUrl(type));
  request.mutable_node()->set_id(node);
  for (const std::string& name : names) {
    request.add_resource_names(name);
  }
  return request;
}

XdsSession::Request Accept(const XdsSession::Response& response, const std::vector<std::string>& names) {
  XdsSession::Request request = Ask(*XdsTypeOf(response.type_url()), names);
  request.clear_node();
  request.set_version_info(response.version_info());
  request.set_response_nonce(response.nonce());
  return request;
}

XdsSession::Request Refuse(const XdsSession::Response& response, const std::vector<std::string>& names,
                           const std::string& why) {
  XdsSession::Request request = Accept(response, names);
  request.clear_version_info();
  request.mutable_error_detail()->set_message(why);
  return request;
}

std::vector<std::string> Contents(const XdsSession::Response& response) {
  std::vector<std::string> contents;
  for (const google::protobuf::Any& body : response.resources()) {
    contents.push_back(absl::StrCat(NameIn<envoy::config::listener::v3::Listener>(body, "listener"),
                                    NameIn<envoy::config::route::v3::RouteConfiguration>(body, "route"),
                                    NameIn<envoy::config::cluster::v3::Cluster>(body, "cluster"),
                                    EndpointsIn(body)));
  }
  return contents;
}

}  // namespace drover::controller
