#include "controller/core/place.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "controller/core/ports.h"

namespace drover::controller {
namespace {

// Pressure counts in steps, so that its noise does not reorder the nodes.
constexpr int64_t kPressureStep = 25;
constexpr int64_t kMostPressure = 75;
constexpr int64_t kRefusal = 1'000'000;  // outweighs failed replicas: it will be refused again (R10.4)

// How full a node is, in thousandths, by its scarcer resource.
int64_t Fullness(const Node& node) {
  const auto share = [](int64_t used, int64_t all) { return all <= 0 ? 1000 : used * 1000 / all; };
  const Resources capacity = node.record.capacity;
  return std::max(share(node.reserved.cpu.value(), capacity.cpu.value()),
                  share(node.reserved.memory.value() >> 10, capacity.memory.value() >> 10));
}

// The share of time, in percent and in steps, for which tasks of the host wait for a CPU or the disk.
int64_t HostPressure(const Node& node) {
  if (!node.host) {
    return 0;
  }
  const double most = std::max(node.host->pressure_cpu.value_or(0), node.host->pressure_io.value_or(0));
  const auto steps = static_cast<int64_t>(std::clamp(most, 0.0, 100.0)) / kPressureStep;
  return std::min(steps * kPressureStep, kMostPressure);
}

// The part of a node's room for this service that it would hold with one replica more, in millionths,
// by the scarcer resource. Equal parts everywhere: shared by free capacity. Of the free room the share in
// which the host makes others wait does not count.
int64_t PartWithOneMore(const Node& node, Resources need, int64_t here) {
  const Resources free = node.record.capacity - node.reserved;
  const int64_t counts = 100 - HostPressure(node);
  const auto part = [here, counts](int64_t each, int64_t left) {
    const int64_t room = left * counts / 100 + here * each;
    return room <= 0 ? 1'000'000 : (here + 1) * each * 1'000'000 / room;
  };
  return std::max(part(need.cpu.value(), free.cpu.value()),
                  part(need.memory.value() >> 10, free.memory.value() >> 10));
}

int64_t NumberOf(const std::map<NodeId, int64_t>& map, const NodeId& id) {
  if (map.empty()) {
    return 0;
  }
  auto it = map.find(id);
  return it == map.end() ? 0 : it->second;
}

bool IsThrashing(const Node& node) {
  return node.host && node.host->pressure_memory.value_or(0) > kMemoryPressure;
}

}  // namespace

Placer::Placer(const Model& model, const Service& service)
    : model_(model), service_(service), need_(model.ReservationOf(service)) {
  auto image = model.image_nodes.find(service.spec->image_id);
  image_nodes_ = image == model.image_nodes.end() ? nullptr : &image->second;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    ++(replica.state == ReplicaState::kFailed ? failed_ : here_)[replica.record.node];
  }
  here_.erase(NodeId());
  for (const auto& [id, count] : here_) {
    Path path = PathOf(model.nodes.at(id));
    for (; !path.empty(); path.pop_back()) {
      in_part_[path] += count;
    }
  }
  for (const auto& [id, node] : model.nodes) {
    if (node.refused_specs.contains(service.spec->spec_hash)) {
      failed_[id] += kRefusal;
    }
    Rank(node);
  }
}

Placer::Path Placer::PathOf(const Node& node) const {
  Path path;
  for (const std::string& attribute : service_.spec->spread_over) {
    // Nodes without the label are a part of their own.
    path.emplace_back(AttributeOf(node, attribute).value_or(""));
  }
  return path;
}

void Placer::Rank(const Node& node) {
  if (Exclusion exclusion = Exclude(model_, service_, node); exclusion.rule != NodeRule::kNone) {
    excluded_.emplace_back(node.record.id, std::move(exclusion));
    return;
  }
  const NodeId& id = node.record.id;
  const bool lacks_image = image_nodes_ != nullptr && !image_nodes_->contains(id);
  const int64_t here = NumberOf(here_, id);
  const int64_t fullness = Fullness(node);
  const After after = service_.spec->bin_pack
                          ? After(-fullness, 0, 0)
                          : After(std::min<int64_t>(here, 1), PartWithOneMore(node, need_, here), fullness);
  groups_[PathOf(node)].emplace(Before(IsThrashing(node), NumberOf(failed_, id), lacks_image), after, id);
}

std::vector<int64_t> Placer::CountsOf(const Path& path) const {
  std::vector<int64_t> counts;
  Path part;
  for (const std::string& value : path) {
    part.push_back(value);
    auto count = in_part_.find(part);
    counts.push_back(count == in_part_.end() ? 0 : count->second);
  }
  return counts;
}

Placer::Groups::const_iterator Placer::Next() const {
  if (groups_.size() <= 1) {
    return groups_.begin();
  }
  const auto key = [this](Groups::const_iterator group) {
    const auto& [before, after, id] = *group->second.begin();
    return std::tuple(before, CountsOf(group->first), after, id);
  };
  auto best = groups_.begin();
  auto best_key = key(best);
  for (auto group = std::next(best); group != groups_.end(); ++group) {
    if (auto candidate = key(group); candidate < best_key) {
      best = group;
      best_key = std::move(candidate);
    }
  }
  return best;
}

Placement Placer::Best() const {
  Placement placement;
  const auto group = Next();
  if (group == groups_.end()) {
    placement.excluded = model_.nodes.empty() ? "no node has ever connected" : GroupedText(model_, excluded_);
    return placement;
  }
  const ServiceSpec& spec = *service_.spec;
  const Node& best = model_.nodes.at(std::get<NodeId>(*group->second.begin()));
  const Resources room = best.record.capacity - best.reserved;
  placement.node = best.record.id;
  placement.ports = *HandOutPorts(model_, best, spec);
  placement.why = absl::StrCat(spec.bin_pack ? "fullest that fits" : "spread by free capacity", ": ",
                               CpuText(room.cpu), " and ", MemoryText(room.memory), " free");
  if (!spec.spread_over.empty()) {
    absl::StrAppend(&placement.why, ", ", spec.spread_over.front(), " \"", group->first.front(), "\"");
  }
  return placement;
}

void Placer::Bound() {
  const auto next = Next();
  DROVER_CHECK(next != groups_.end());
  Path path = next->first;
  const auto group = groups_.find(path);
  const NodeId id = std::get<NodeId>(*group->second.begin());
  group->second.erase(group->second.begin());
  if (group->second.empty()) {
    groups_.erase(group);
  }
  ++here_[id];
  for (; !path.empty(); path.pop_back()) {
    ++in_part_[path];
  }
  Rank(model_.nodes.at(id));
}

}  // namespace drover::controller
