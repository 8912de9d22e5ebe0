#include "controller/runtime/traefik.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace drover::controller {
namespace {

using Json = nlohmann::ordered_json;

std::string Rule(const ListenerSpec& route) {
  std::vector<std::string> parts;
  if (!route.host.empty()) {
    parts.push_back(absl::StrCat("Host(`", route.host, "`)"));
  }
  if (!route.path.empty()) {
    parts.push_back(absl::StrCat("PathPrefix(`", route.path, "`)"));
  }
  return absl::StrJoin(parts, " && ");
}

// Routers and services of one protocol; the format knows no empty list and no empty map.
class Section {
 public:
  void AddRouter(const std::string& name, const ListenerSpec& route, const std::string& rule,
                 const std::string& service) {
    Json router = {{"rule", rule}, {"service", service}};
    if (!route.on.empty()) {
      router["entryPoints"] = route.on;
    }
    section_["routers"][name] = std::move(router);
  }

  void AddService(const std::string& name, Json balancer) {
    section_["services"][name]["loadBalancer"] = std::move(balancer);
  }

  void MoveTo(const char* name, Json& document) {
    if (!section_.is_null()) {
      document[name] = std::move(section_);
    }
  }

 private:
  Json section_;
};

Json Urls(const BackendSet& set) {
  const std::vector<Backend> backends = Routable(set);
  // Left out where it says nothing: Traefik before 3 does not know it.
  const bool weighed = std::any_of(backends.begin(), backends.end(), [&](const Backend& backend) {
    return backend.weight != backends.front().weight;
  });
  Json servers = Json::array();
  for (const Backend& backend : backends) {
    Json server = {{"url", absl::StrCat("http://", HostPort(backend.address, backend.port))}};
    if (weighed) {
      server["weight"] = backend.weight;
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

// Those of TCP have no weight in the format.
Json Addresses(const BackendSet& set) {
  Json servers = Json::array();
  for (const Backend& backend : Routable(set)) {
    servers.push_back({{"address", HostPort(backend.address, backend.port)}});
  }
  return servers;
}

void AddSet(const BackendSet& set, const std::string& consumer, Section& http, Section& tcp) {
  const std::string name = absl::StrCat(set.service.stack, ".", set.service.service, ".", set.target);
  const Json urls = Urls(set);
  const Json addresses = Addresses(set);
  int count = 0;
  for (const ListenerSpec& route : set.listeners) {
    if (route.pull != consumer) {
      continue;
    }
    const std::string router = ++count == 1 ? name : absl::StrCat(name, ".", count);
    if (route.http) {
      http.AddRouter(router, route, Rule(route), name);
      Json balancer = {{"passHostHeader", true}};
      if (!urls.empty()) {
        balancer["servers"] = urls;
      }
      http.AddService(name, std::move(balancer));
    } else if (!addresses.empty()) {
      tcp.AddRouter(router, route, "HostSNI(`*`)", name);
      tcp.AddService(name, {{"servers", addresses}});
    }
  }
}

}  // namespace

std::string TraefikDocument(const PulledServices& services, const std::string& consumer) {
  Section http;
  Section tcp;
  for (const auto& service : services) {
    for (const BackendSet& set : service->sets) {
      AddSet(set, consumer, http, tcp);
    }
  }
  Json document;
  http.MoveTo("http", document);
  tcp.MoveTo("tcp", document);
  if (document.is_null()) {
    document["http"]["services"]["drover.none"]["loadBalancer"] = {{"passHostHeader", true}};
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace drover::controller
