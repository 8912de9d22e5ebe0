// Where a replica goes: hard rules filter the nodes, soft rules order those that are left. A node
// that is left out is left out for a reason that people can read.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "controller/core/model.h"

namespace drover::controller {

struct Placement {
  NodeId node;  // empty: none fits, see `excluded`
  std::vector<PublishedPort> ports;
  std::string why;       // of the choice: "fewest of the service (0), 3 CPU free"
  std::string excluded;  // "node-a: 0.2 CPU free, 1 wanted; node-b: lost"
};

// Ranks the nodes once for replicas of the newest spec that are placed one after the other, so that a
// thousand of them cost little more than one. Hard: up, pinned data (R7.1), host ports, routed port
// range, room by reservation (R3.5). Soft, in this order: not refused by the host's own policy (R10.4), no
// failed replica of the service, image
// present (R9.1), then spread (fewest of the service, most room) or bin-pack (least room). Equal nodes:
// the smaller id. Nothing but the replicas that it places may change on the nodes while it lives.
class Placer {
 public:
  Placer(const Model& model, const Service& service);

  // Where the next replica goes.
  Placement Best() const;

  // The next replica was bound to the node that Best() gave.
  void Bound();

 private:
  using Score = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>;  // smaller is better

  void Rank(const Node& node);
  std::string Excluded() const;

  const Model& model_;
  const Service& service_;
  const Resources need_;
  const std::set<NodeId>* image_nodes_ = nullptr;  // null: no node is known to have the image
  std::map<NodeId, int64_t> here_;                 // replicas of the service, not failed
  std::map<NodeId, int64_t> failed_;
  std::set<std::pair<Score, NodeId>> order_;  // nodes that can take one more
};

// Empty when `node` can take one more replica, else the reason. Shared with admission.
std::string WhyNot(const Model& model, const Service& service, const Node& node);

// "0.25 CPU", "2 CPU".
std::string CpuText(MilliCpu cpu);
// "128 MiB".
std::string MemoryText(Bytes memory);

}  // namespace drover::controller
