// Views with services that xDS clients pull, and what such clients say.
#pragma once

#include <string>
#include <vector>

#include "controller/runtime/xds/resources.h"
#include "controller/runtime/xds/session.h"

namespace drover::controller {

// One service of stack shop, its backends at 10.0.0.N:20000 for each N; listens on `targets`.
struct XdsServiceOf {
  std::string name = "web";
  uint64_t revision = 1;
  std::vector<int> backends = {};
  std::vector<int> draining = {};
  std::vector<uint32_t> targets = {8000};
  bool known = true;
};

View XdsView(const std::vector<XdsServiceOf>& services);

// The snapshot of that view after `former`; null: the first one.
std::shared_ptr<const XdsSnapshot> SnapshotOf(const std::vector<XdsServiceOf>& services,
                                              std::shared_ptr<const XdsSnapshot> former = nullptr);

XdsSession::Request Ask(XdsType type, const std::vector<std::string>& names, const std::string& node = "n1");
// What a client says to `response` when it goes on to want `names`.
XdsSession::Request Accept(const XdsSession::Response& response, const std::vector<std::string>& names);
XdsSession::Request Refuse(const XdsSession::Response& response, const std::vector<std::string>& names,
                           const std::string& why);

// "Cluster shop/web:8000", or of endpoints "ClusterLoadAssignment shop/web:8000 10.0.0.1:20000"; a line each.
std::vector<std::string> Contents(const XdsSession::Response& response);

}  // namespace drover::controller
