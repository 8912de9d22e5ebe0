// The whole agent, wired: engine ─► core ─► executor, controller link, probes, sensors, edge. What runs
// on the host goes on without it: ending it stops no container and no load balancer.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agent/config/config.h"

namespace drover::agent {

class Agent {
 public:
  // Opens the state, finds what is not configured, starts all threads. Neither engine nor controller need
  // be there. Errors name what is wrong: state_dir in use, no HAProxy, metrics port taken.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(const Config& config);
  // Ends the threads; at most a few seconds.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

 private:
  class Impl;
  explicit Agent(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
