// What xDS clients may ask for, made of a view: for each service with a route `pull: xds` a listener, a route
// configuration, a cluster and its endpoints.
//
// All are called STACK/SERVICE:PORT; the listener also STACK/SERVICE where the service has one such port.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "controller/core/view.h"
#include "google/protobuf/any.pb.h"

namespace drover::controller {

inline constexpr char kXdsConsumer[] = "xds";  // its name in `pull` and in confirmations

enum class XdsType { kListener, kRoute, kCluster, kEndpoints };

inline constexpr size_t kXdsTypes = 4;

// The type's URL in requests and responses, and back; absent: not one of the four.
const std::string& TypeUrl(XdsType type);
std::optional<XdsType> XdsTypeOf(const std::string& type_url);

struct XdsResource {
  google::protobuf::Any body;
  ServiceKey service;
  uint64_t revision = 0;  // of the service's backends; endpoints only
};

// Resources of one type by name. The same body is the same pointer as in the snapshot before, unless the
// revision differs.
using XdsResources = std::map<std::string, std::shared_ptr<const XdsResource>>;

struct XdsSnapshot {
  uint64_t number = 0;  // ascending; 0: nothing is known, so nothing may be said
  std::array<XdsResources, kXdsTypes> by_type;

  const XdsResources& of(XdsType type) const { return by_type.at(static_cast<size_t>(type)); }

  XdsResources& of(XdsType type) { return by_type.at(static_cast<size_t>(type)); }
};

// Tells the same to a client.
bool SameBody(const std::shared_ptr<const XdsResource>& a, const std::shared_ptr<const XdsResource>& b);

// The snapshot after `former`: itself when nothing differs. While the view is not ready everything stays as
// it was; while a service's backends are not known its endpoints do (R6.3).
std::shared_ptr<const XdsSnapshot> NextSnapshot(const View& view,
                                                const std::shared_ptr<const XdsSnapshot>& former);

}  // namespace drover::controller
