// Runs a scenario script against a controller core: each command is a line "> command …"; what the
// core then wants done (records, orders, replies, events) is printed below it. A script file holds
// both, so it reads as a story and fails when the story changes. HACKING: rewrite with
// DROVER_REWRITE=1.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/core_cluster.h"

namespace drover::controller {

class Script {
 public:
  // The whole script again, with the output that its commands give now. Comments and blank lines
  // stay where they are. Errors in a command are printed in its output, as "error: …".
  std::string Run(const std::string& text);

 private:
  std::string Execute(const std::vector<std::string>& words);
  std::string Operate(const std::vector<std::string>& words);
  std::string ChangeNodes(const std::vector<std::string>& words);
  std::string Freeze(const std::vector<std::string>& words);
  std::string OfAgent(const std::vector<std::string>& words);
  std::string OfReplica(const std::vector<std::string>& words);
  std::string Pass(const std::vector<std::string>& words);
  std::string Show();
  std::string Why(const ServiceKey& key);
  std::string Fetch(const std::vector<std::string>& words);

  std::string Print(const Ready& ready, const std::string& prefix);
  std::string PrintChange(const StoreChange& change);
  std::string PrintOrder(const Order& order);
  std::string PrintReply(const Reply& reply);
  std::string Label(ReplicaId id);
  // With replica ids in clear.
  ReplicaId Find(const std::string& label) const;
  FakeReplica& FindReplica(const std::string& label);

  StackSpec ParseStack(const std::vector<std::string>& words) const;

  CoreCluster cluster_;
  std::map<ReplicaId, std::string> labels_;
  std::map<std::string, int> used_;
  uint64_t requests_ = 0;
};

}  // namespace drover::controller
