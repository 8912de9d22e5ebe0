// What a consumer that pulls may be told: the services that name it, as a view has them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/core/view.h"

namespace drover::controller {

using PulledServices = std::vector<std::shared_ptr<const ServiceView>>;  // by key

// The services with a route for `consumer`. Unavailable while the controller decides nothing, or the
// backends of one of them are not known: an answer would be ignorance (R6.3).
absl::StatusOr<PulledServices> PulledBy(const View& view, const std::string& consumer);

// What a consumer that got exactly these has.
std::vector<std::pair<ServiceKey, uint64_t>> RevisionsOf(const PulledServices& services);

// Some route for `consumer` leads to this set.
bool IsPulledBy(const BackendSet& set, const std::string& consumer);

// Backends that may get new requests.
std::vector<Backend> Routable(const BackendSet& set);

// "10.0.0.5:80", "[fd00::1]:80".
std::string HostPort(const std::string& host, uint32_t port);

}  // namespace drover::controller
