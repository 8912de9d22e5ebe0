// The commands of a script that are an operator's words on nodes and on the cluster.
#include <map>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tests/scenario/script.h"
#include "tests/scenario/words.h"

namespace drover::controller {

// "drain a deadline=30s", "maintenance a for=10m", "drain a check", "rm a force"
std::string Script::ChangeNodes(const Words& words) {
  static const std::map<std::string, ChangeNode::Kind> kKinds = {
      {"cordon", ChangeNode::Kind::kCordon},
      {"uncordon", ChangeNode::Kind::kUncordon},
      {"drain", ChangeNode::Kind::kDrain},
      {"maintenance", ChangeNode::Kind::kMaintenance},
      {"rm", ChangeNode::Kind::kRemove}};
  ChangeNode change;
  change.now = cluster_.now();
  change.wall = cluster_.wall();
  change.request = RequestId(++requests_);
  change.kind = kKinds.at(words.at(0));
  change.node = cluster_.agent(words.at(1)).id;
  change.who = "eve";
  for (size_t i = 2; i < words.size(); ++i) {
    const auto [key, value] = Option(words[i]);
    if (key == "deadline") {
      change.deadline = Time(value);
    } else if (key == "for") {
      change.duration = Time(value);
    } else if (key == "check") {
      change.dry_run = true;
    } else if (key == "force") {
      change.force = true;
    } else {
      throw std::invalid_argument(absl::StrCat("unknown setting: ", key));
    }
  }
  cluster_.Step(change);
  return Print(cluster_.Take(), "");
}

// "freeze for=1h", "freeze", "unfreeze"
std::string Script::Freeze(const Words& words) {
  FreezeCluster freeze;
  freeze.now = cluster_.now();
  freeze.wall = cluster_.wall();
  freeze.request = RequestId(++requests_);
  freeze.freeze = words.at(0) == "freeze";
  freeze.who = "eve";
  if (words.size() > 1) {
    freeze.duration = Time(Option(words[1]).second);
  }
  cluster_.Step(freeze);
  return Print(cluster_.Take(), "");
}

}  // namespace drover::controller
