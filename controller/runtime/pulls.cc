#include "controller/runtime/pulls.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace drover::controller {

absl::StatusOr<PulledServices> PulledBy(const View& view, const std::string& consumer) {
  if (!view.ready) {
    return absl::UnavailableError(absl::StrCat("not ready: ", view.not_ready_reason));
  }
  PulledServices services;
  for (const auto& [key, service] : view.services) {
    if (!service->pulls.contains(consumer)) {
      continue;
    }
    if (!service->sets_known) {
      return absl::UnavailableError(
          absl::StrCat("not every node that holds replicas of ", ToString(key), " has reported yet"));
    }
    services.push_back(service);
  }
  return services;
}

std::vector<std::pair<ServiceKey, uint64_t>> RevisionsOf(const PulledServices& services) {
  std::vector<std::pair<ServiceKey, uint64_t>> revisions;
  for (const auto& service : services) {
    revisions.emplace_back(service->key, service->record.backend_revision);
  }
  return revisions;
}

bool IsPulledBy(const BackendSet& set, const std::string& consumer) {
  return std::any_of(set.listeners.begin(), set.listeners.end(),
                     [&](const ListenerSpec& route) { return route.pull == consumer; });
}

std::vector<Backend> Routable(const BackendSet& set) {
  std::vector<Backend> backends;
  std::copy_if(set.backends.begin(), set.backends.end(), std::back_inserter(backends),
               [](const Backend& backend) { return !backend.drain; });
  return backends;
}

std::string HostPort(const std::string& host, uint32_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return absl::StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

}  // namespace drover::controller
