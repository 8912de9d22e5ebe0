#include "controller/runtime/xds/resources.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/runtime/pulls.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace drover::controller {
namespace {

namespace core = envoy::config::core::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

void SetAds(core::ConfigSource* source) {
  source->mutable_ads();
  source->set_resource_api_version(core::V3);
}

Listener MakeListener(const std::string& name, const std::string& route) {
  HttpConnectionManager manager;
  SetAds(manager.mutable_rds()->mutable_config_source());
  manager.mutable_rds()->set_route_config_name(route);
  // Clients refuse a listener whose last filter is not the router.
  auto* filter = manager.add_http_filters();
  filter->set_name("router");
  filter->mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  Listener listener;
  listener.set_name(name);
  listener.mutable_api_listener()->mutable_api_listener()->PackFrom(manager);
  return listener;
}

RouteConfiguration MakeRoute(const std::string& name) {
  RouteConfiguration route;
  route.set_name(name);
  auto* host = route.add_virtual_hosts();
  host->set_name(name);
  *host->add_domains() = std::string(1, '*');
  auto* any = host->add_routes();
  any->mutable_match()->set_prefix("");
  any->mutable_route()->set_cluster(name);
  return route;
}

Cluster MakeCluster(const std::string& name) {
  Cluster cluster;
  cluster.set_name(name);
  cluster.set_type(Cluster::EDS);
  SetAds(cluster.mutable_eds_cluster_config()->mutable_eds_config());
  cluster.mutable_eds_cluster_config()->set_service_name(name);
  cluster.set_lb_policy(Cluster::ROUND_ROBIN);
  return cluster;
}

ClusterLoadAssignment MakeEndpoints(const std::string& name, const std::vector<Backend>& backends) {
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name(name);
  if (backends.empty()) {
    return assignment;
  }
  auto* locality = assignment.add_endpoints();
  locality->mutable_locality()->set_region("drover");
  // A locality without weight gets no traffic at all.
  locality->mutable_load_balancing_weight()->set_value(static_cast<uint32_t>(backends.size()));
  for (const Backend& backend : backends) {
    auto* socket =
        locality->add_lb_endpoints()->mutable_endpoint()->mutable_address()->mutable_socket_address();
    socket->set_address(backend.address);
    socket->set_port_value(backend.port);
  }
  return assignment;
}

// Puts resources into a snapshot, those of the former one where they say the same.
class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(const XdsSnapshot& former) : former_(former) {}

  void AddService(const ServiceView& service) {
    std::vector<const BackendSet*> pulled;
    for (const BackendSet& set : service.sets) {
      if (IsPulledBy(set, kXdsConsumer)) {
        pulled.push_back(&set);
      }
    }
    const std::string base = absl::StrCat(service.key.stack, "/", service.key.service);
    for (const BackendSet* set : pulled) {
      const std::string name = absl::StrCat(base, ":", set->target);
      Add(XdsType::kListener, name, MakeListener(name, name), service, 0);
      if (pulled.size() == 1) {
        Add(XdsType::kListener, base, MakeListener(base, name), service, 0);
      }
      Add(XdsType::kRoute, name, MakeRoute(name), service, 0);
      Add(XdsType::kCluster, name, MakeCluster(name), service, 0);
      if (service.sets_known) {
        Add(XdsType::kEndpoints, name, MakeEndpoints(name, Routable(*set)), service,
            service.record.backend_revision);
      } else {
        Keep(XdsType::kEndpoints, name);
      }
    }
  }

  XdsSnapshot Take() { return std::move(snapshot_); }

 private:
  template <typename Message>
  void Add(XdsType type, const std::string& name, const Message& message, const ServiceView& service,
           uint64_t revision) {
    auto resource = std::make_shared<XdsResource>();
    resource->body.PackFrom(message);
    resource->service = service.key;
    resource->revision = revision;
    snapshot_.of(type)[name] = std::move(resource);
    const auto before = former_.of(type).find(name);
    if (before != former_.of(type).end() && before->second->revision == revision &&
        SameBody(before->second, snapshot_.of(type)[name])) {
      snapshot_.of(type)[name] = before->second;
    }
  }

  void Keep(XdsType type, const std::string& name) {
    if (const auto before = former_.of(type).find(name); before != former_.of(type).end()) {
      snapshot_.of(type).insert(*before);
    }
  }

  const XdsSnapshot& former_;
  XdsSnapshot snapshot_;
};

const std::array<std::string, kXdsTypes>& TypeUrls() {
  static const auto* const urls = new std::array<std::string, kXdsTypes>{
      "type.googleapis.com/envoy.config.listener.v3.Listener",
      "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
      "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"};
  return *urls;
}

}  // namespace

const std::string& TypeUrl(XdsType type) { return TypeUrls().at(static_cast<size_t>(type)); }

std::optional<XdsType> XdsTypeOf(const std::string& type_url) {
  const auto& urls = TypeUrls();
  const auto found = std::find(urls.begin(), urls.end(), type_url);
  if (found == urls.end()) {
    return std::nullopt;
  }
  return static_cast<XdsType>(found - urls.begin());
}

bool SameBody(const std::shared_ptr<const XdsResource>& a, const std::shared_ptr<const XdsResource>& b) {
  return a == b || (a != nullptr && b != nullptr && a->body.value() == b->body.value());
}

std::shared_ptr<const XdsSnapshot> NextSnapshot(const View& view,
                                                const std::shared_ptr<const XdsSnapshot>& former) {
  if (!view.ready) {
    return former;
  }
  SnapshotBuilder builder(*former);
  for (const auto& [key, service] : view.services) {
    if (service->pulls.contains(kXdsConsumer)) {
      builder.AddService(*service);
    }
  }
  XdsSnapshot next = builder.Take();
  if (former->number != 0 && next.by_type == former->by_type) {
    return former;
  }
  next.number = former->number + 1;
  return std::make_shared<const XdsSnapshot>(std::move(next));
}

}  // namespace drover::controller
