// Where a replica goes: hard rules (node_rules.h) filter the nodes, soft rules order those that are left.
// docs/placement.md says it for people.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "controller/core/model.h"
#include "controller/core/node_rules.h"

namespace drover::controller {

struct Placement {
  NodeId node;  // empty: none fits, see `excluded`
  std::vector<PublishedPort> ports;
  std::string why;       // of the choice: "spread by free capacity: 3 CPU and 512 MiB free"
  std::string excluded;  // as GroupedText
};

// A host whose tasks wait for memory for this share of the time (PSI, some avg10, percent) thrashes; more
// replicas are given to it only when no other node takes them.
inline constexpr double kMemoryPressure = 40;

// Ranks the nodes once for replicas of the newest spec that are placed one after the other, so that a
// thousand of them cost little more than one. Soft, in this order: no memory pressure, not refused by
// the host's own policy (R10.4), no failed replica of the service, image present (R9.1), fewest of the
// service in the node's part of each label that it is spread over, then spread (none of the service,
// most room) or bin-pack (least room). Where tasks wait for CPU or disk, room counts for less. Equal
// nodes: the smaller id. Nothing but the replicas that it places may change on the nodes while it lives.
class Placer {
 public:
  Placer(const Model& model, const Service& service);

  // Where the next replica goes.
  Placement Best() const;

  // The next replica was bound to the node that Best() gave.
  void Bound();

  // Nodes that can take none more.
  const std::vector<std::pair<NodeId, Exclusion>>& excluded() const { return excluded_; }

 private:
  // Smaller is better. What counts before the labels to spread over, and after them.
  using Before = std::tuple<bool, int64_t, bool>;
  using After = std::tuple<int64_t, int64_t, int64_t>;
  using Ranked = std::tuple<Before, After, NodeId>;
  using Path = std::vector<std::string>;  // values of the first labels of `spread_over`
  using Groups = std::map<Path, std::set<Ranked>>;

  Path PathOf(const Node& node) const;
  void Rank(const Node& node);
  // How many of the service each part has in which the group lies, the largest part first.
  std::vector<int64_t> CountsOf(const Path& path) const;
  // The group whose first node comes next; its end when none is left.
  Groups::const_iterator Next() const;

  const Model& model_;
  const Service& service_;
  const Resources need_;
  const std::set<NodeId>* image_nodes_ = nullptr;  // null: no node is known to have the image
  std::map<NodeId, int64_t> here_;                 // replicas of the service, not failed
  std::map<NodeId, int64_t> failed_;
  std::map<Path, int64_t> in_part_;  // the same by label values, of each length
  Groups groups_;                    // nodes that can take one more
  std::vector<std::pair<NodeId, Exclusion>> excluded_;
};

}  // namespace drover::controller
