#include "controller/core/place.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "controller/core/availability.h"
#include "controller/core/ports.h"

namespace drover::controller {
namespace {

constexpr size_t kReasonsShown = 8;

bool HostPortTaken(const Model& model, const Node& node, const ServiceSpec& spec, uint32_t* which) {
  if (spec.host_ports.empty()) {
    return false;
  }
  for (const ReplicaId id : node.replicas) {
    const Replica& other = model.replicas.at(id);
    auto service = model.services.find(other.record.service);
    if (!HoldsReservation(other.state) || service == model.services.end() || !service->second.spec) {
      continue;
    }
    for (const uint32_t port : spec.host_ports) {
      const std::vector<uint32_t>& taken = service->second.spec->host_ports;
      if (std::find(taken.begin(), taken.end(), port) != taken.end()) {
        *which = port;
        return true;
      }
    }
  }
  return false;
}

// How full a node is, in thousandths, by its scarcer resource.
int64_t Fullness(const Node& node) {
  const auto share = [](int64_t used, int64_t all) { return all <= 0 ? 1000 : used * 1000 / all; };
  const Resources capacity = node.record.capacity;
  return std::max(share(node.reserved.cpu.value(), capacity.cpu.value()),
                  share(node.reserved.memory.value() >> 10, capacity.memory.value() >> 10));
}

// The part of a node's room for this service that it would hold with one replica more, in millionths,
// by the scarcer resource. Equal parts everywhere: shared by free capacity.
int64_t PartWithOneMore(const Node& node, Resources need, int64_t here) {
  const Resources free = node.record.capacity - node.reserved;
  const auto part = [here](int64_t each, int64_t left) {
    const int64_t room = left + here * each;
    return room <= 0 ? 1'000'000 : (here + 1) * each * 1'000'000 / room;
  };
  return std::max(part(need.cpu.value(), free.cpu.value()),
                  part(need.memory.value() >> 10, free.memory.value() >> 10));
}

std::string LivenessReason(const Node& node) {
  switch (node.status) {
    case NodeStatus::kUp:
      return node.stream ? "" : "not connected";
    case NodeStatus::kSuspect:
      return "silent";
    case NodeStatus::kLost:
      return "lost";
    case NodeStatus::kNeverSeen:
      return "not seen since the controller started";
  }
  return "";
}

}  // namespace

std::string CpuText(MilliCpu cpu) {
  return absl::StrFormat("%g CPU", static_cast<double>(cpu.value()) / 1000);
}

std::string MemoryText(Bytes memory) { return absl::StrCat(memory.value() >> 20, " MiB"); }

std::string WhyNot(const Model& model, const Service& service, const Node& node) {
  const ServiceSpec& spec = *service.spec;
  if (spec.pinned() && !service.record.data_node.value().empty() &&
      service.record.data_node != node.record.id) {
    return "does not hold its data";
  }
  if (std::string reason = LivenessReason(node); !reason.empty()) {
    return reason;
  }
  if (std::string reason = AvailabilityReason(service, node); !reason.empty()) {
    return reason;
  }
  if (uint32_t port = 0; HostPortTaken(model, node, spec, &port)) {
    return absl::StrCat("host port ", port, " is taken");
  }
  const Resources need = model.ReservationOf(service);
  const Resources room = node.record.capacity - node.reserved;
  if (!Fits(need, room)) {
    if (need.cpu > room.cpu) {
      return absl::StrCat(CpuText(std::max(room.cpu, MilliCpu(0))), " free, ", CpuText(need.cpu), " wanted",
                          spec.reserved_cpu ? "" : " (assumed)");
    }
    return absl::StrCat(MemoryText(std::max(room.memory, Bytes(0))), " free, ", MemoryText(need.memory),
                        " wanted", spec.reserved_memory ? "" : " (assumed)");
  }
  if (!HandOutPorts(model, node, spec)) {
    return absl::StrCat("no free port in its port_range ", node.record.port_first, "-",
                        node.record.port_last);
  }
  return "";
}

Placer::Placer(const Model& model, const Service& service)
    : model_(model), service_(service), need_(model.ReservationOf(service)) {
  auto image = model.image_nodes.find(service.spec->image_id);
  image_nodes_ = image == model.image_nodes.end() ? nullptr : &image->second;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    if (replica.state == ReplicaState::kFailed) {
      ++failed_[replica.record.node];
    } else {
      ++here_[replica.record.node];
    }
  }
  for (const auto& [id, node] : model.nodes) {
    Rank(node);
  }
}

void Placer::Rank(const Node& node) {
  if (!WhyNot(model_, service_, node).empty()) {
    return;
  }
  const auto number = [&node](const std::map<NodeId, int64_t>& map) {
    auto it = map.find(node.record.id);
    return it == map.end() ? int64_t{0} : it->second;
  };
  const int64_t lacks_image = image_nodes_ != nullptr && !image_nodes_->contains(node.record.id) ? 1 : 0;
  const int64_t fullness = Fullness(node);
  const int64_t here = number(here_);
  const Score score = service_.spec->bin_pack
                          ? Score(number(failed_), lacks_image, -fullness, 0, 0)
                          : Score(number(failed_), lacks_image, std::min<int64_t>(here, 1),
                                  PartWithOneMore(node, need_, here), fullness);
  order_.emplace(score, node.record.id);
}

Placement Placer::Best() const {
  Placement placement;
  if (order_.empty()) {
    placement.excluded = Excluded();
    return placement;
  }
  const ServiceSpec& spec = *service_.spec;
  const Node& best = model_.nodes.at(order_.begin()->second);
  const Resources room = best.record.capacity - best.reserved;
  placement.node = best.record.id;
  placement.ports = *HandOutPorts(model_, best, spec);
  placement.why = absl::StrCat(spec.bin_pack ? "fullest that fits" : "spread by free capacity", ": ",
                               CpuText(room.cpu), " and ", MemoryText(room.memory), " free");
  return placement;
}

void Placer::Bound() {
  DROVER_CHECK(!order_.empty());
  const NodeId id = order_.begin()->second;
  order_.erase(order_.begin());
  ++here_[id];
  Rank(model_.nodes.at(id));
}

std::string Placer::Excluded() const {
  if (model_.nodes.empty()) {
    return "no node has ever connected";
  }
  std::vector<std::string> reasons;
  for (const auto& [id, node] : model_.nodes) {
    if (reasons.size() == kReasonsShown) {
      break;
    }
    reasons.push_back(absl::StrCat(model_.NodeName(id), ": ", WhyNot(model_, service_, node)));
  }
  std::string text = absl::StrJoin(reasons, "; ");
  if (model_.nodes.size() > reasons.size()) {
    absl::StrAppend(&text, "; and ", model_.nodes.size() - reasons.size(), " more");
  }
  return text;
}

}  // namespace drover::controller
