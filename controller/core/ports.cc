#include "controller/core/ports.h"

#include <set>

namespace drover::controller {

std::optional<std::vector<PublishedPort>> HandOutPorts(const Model& model, const Node& node,
                                                       const ServiceSpec& spec) {
  std::vector<PublishedPort> ports;
  if (spec.routed_ports.empty()) {
    return ports;
  }
  const NodeRecord& record = node.record;
  if (record.port_first == 0 || record.port_last < record.port_first) {
    return std::nullopt;
  }
  std::set<uint32_t> used = node.refused_ports;
  for (const ReplicaId id : node.replicas) {
    for (const PublishedPort& port : model.replicas.at(id).record.published) {
      used.insert(port.host_port);
    }
  }
  const uint32_t size = record.port_last - record.port_first + 1;
  uint32_t offset = (record.next_handle - 1) % size;
  uint32_t tried = 0;
  for (const uint32_t target : spec.routed_ports) {
    while (tried < size && used.contains(record.port_first + offset)) {
      offset = (offset + 1) % size;
      ++tried;
    }
    if (tried == size) {
      return std::nullopt;
    }
    const uint32_t host_port = record.port_first + offset;
    used.insert(host_port);
    ports.push_back({.container_port = target, .host_port = host_port});
  }
  return ports;
}

bool HasPortsFor(const Model& model, const Node& node, const ServiceSpec& spec) {
  if (spec.routed_ports.empty()) {
    return true;
  }
  const NodeRecord& record = node.record;
  const auto taken = node.published + static_cast<int64_t>(node.refused_ports.size());
  const int64_t left = int64_t{record.port_last} - record.port_first + 1 - taken;
  const bool plenty = record.port_first != 0 && left >= static_cast<int64_t>(spec.routed_ports.size());
  return plenty || HandOutPorts(model, node, spec).has_value();
}

}  // namespace drover::controller
