// What adapters share: the wanted sets, in memory and on disk (R6.4).
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/ports/edge.h"

namespace drover::agent {

class WantedEdge : public Edge {
 public:
  // `wanted` is what `wanted_path` held of an earlier agent.
  WantedEdge(std::string wanted_path, std::optional<std::vector<EdgeSet>> wanted);

  void SetDesired(std::vector<EdgeSet> sets) override;
  EdgeState Reconcile(Instant now) override;
  EdgeCheckReport Check(uint32_t handle) override;

 protected:
  // `wanted` absent: nobody said anything yet, so only look.
  virtual EdgeState Round(const std::optional<std::vector<EdgeSet>>& wanted, Instant now) = 0;
  // Of a balancer of Drover's own: nothing is needed.
  virtual EdgeCheckReport CheckSet(const EdgeSet& set);

 private:
  std::string wanted_path_;
  std::mutex mutex_;
  std::optional<std::vector<EdgeSet>> wanted_;
  bool stored_ = true;
};

}  // namespace drover::agent
