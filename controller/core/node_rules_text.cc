// How the nodes that were left out are told to people.
#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/node_rules.h"

namespace drover::controller {
namespace {

constexpr size_t kNodesAlone = 8;   // so many are told one by one
constexpr size_t kNamesShown = 3;   // of a group; larger ones are counted
constexpr size_t kGroupsShown = 8;  // the largest ones

// Nodes that lack the same, be it more or less of it.
struct Group {
  std::vector<NodeId> nodes;
  Exclusion most;  // the one that lacks least
  bool equal = true;
};

std::string NodesText(const Model& model, const Group& group) {
  if (group.nodes.size() > kNamesShown) {
    return absl::StrCat(group.nodes.size(), " nodes");
  }
  return absl::StrJoin(group.nodes, ", ", [&model](std::string* out, const NodeId& id) {
    absl::StrAppend(out, model.NodeName(id));
  });
}

std::vector<Group> GroupsOf(const std::vector<std::pair<NodeId, Exclusion>>& excluded) {
  std::map<std::tuple<NodeRule, std::string, int64_t>, Group> groups;
  for (const auto& [node, exclusion] : excluded) {
    Group& group = groups[{exclusion.rule, exclusion.text, exclusion.wanted}];
    if (group.nodes.empty()) {
      group.most = exclusion;
    }
    group.equal = group.equal && exclusion.free == group.most.free;
    if (exclusion.free > group.most.free) {
      group.most = exclusion;
    }
    group.nodes.push_back(node);
  }
  std::vector<Group> sorted;
  for (auto& [key, group] : groups) {
    sorted.push_back(std::move(group));
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Group& a, const Group& b) { return a.nodes.size() > b.nodes.size(); });
  return sorted;
}

}  // namespace

std::string GroupedText(const Model& model, std::vector<std::pair<NodeId, Exclusion>> excluded) {
  std::sort(excluded.begin(), excluded.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> parts;
  if (excluded.size() <= kNodesAlone) {
    for (const auto& [node, exclusion] : excluded) {
      parts.push_back(absl::StrCat(model.NodeName(node), ": ", ToText(exclusion)));
    }
    return absl::StrJoin(parts, "; ");
  }
  size_t told = 0;
  for (const Group& group : GroupsOf(excluded)) {
    if (parts.size() == kGroupsShown) {
      parts.push_back(absl::StrCat(excluded.size() - told, " more nodes for other reasons"));
      break;
    }
    told += group.nodes.size();
    parts.push_back(
        absl::StrCat(NodesText(model, group), ": ", group.equal ? "" : "at most ", ToText(group.most)));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace drover::controller
