// Where a replica goes: hard rules filter the nodes, soft rules order those that are left. A node
// that is left out is left out for a reason that people can read.
#pragma once

#include <string>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

struct Placement {
  NodeId node;  // empty: none fits, see `excluded`
  std::vector<PublishedPort> ports;
  std::string why;       // of the choice: "fewest of the service (0), 3 CPU free"
  std::string excluded;  // "node-a: 0.2 CPU free, 1 wanted; node-b: lost"
};

// The best node for one more replica of the newest spec. Hard: up, pinned data (R7.1), host ports,
// routed port range, room by reservation (R3.5). Soft, in this order: no failed replica of the
// service, image present (R9.1), then spread (fewest of the service, most room) or bin-pack (least
// room). Equal nodes: the smaller id.
Placement Place(const Model& model, const Service& service);

// Empty when `node` can take one more replica, else the reason. Shared with admission.
std::string WhyNot(const Model& model, const Service& service, const Node& node);

// "0.25 CPU", "2 CPU".
std::string CpuText(MilliCpu cpu);
// "128 MiB".
std::string MemoryText(Bytes memory);

}  // namespace drover::controller
