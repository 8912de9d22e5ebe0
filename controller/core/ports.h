// Host ports for routed container ports (R6.2): from the node's range, fixed for the replica's life,
// handed out again only when no record on the node holds them any more.
#pragma once

#include <optional>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

// One host port per routed port of `spec`, ascending by container port; absent when the node's range
// has too few free ones. The search starts at another place each time, so that a port just given back
// is not the next one handed out.
std::optional<std::vector<PublishedPort>> HandOutPorts(const Model& model, const Node& node,
                                                       const ServiceSpec& spec);

// HandOutPorts would find them; cheap where the range is far from used up.
bool HasPortsFor(const Model& model, const Node& node, const ServiceSpec& spec);

}  // namespace drover::controller
