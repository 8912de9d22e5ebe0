// A balancer for a benchmark: the adapter, the real program, a folder of their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/ports/edge.h"
#include "common/time.h"

namespace drover::agent {

// Between two looks, as the agent while something drains or is pending.
inline constexpr auto kLook = std::chrono::milliseconds(50);

Instant BenchNow();

// Ends the program with what was wrong.
[[noreturn]] void Give(const absl::Status& status);

// One balancer with its folder and what to end afterwards.
struct Bed {
  std::string dir;
  std::unique_ptr<Edge> edge;
  uint32_t port = 0;                                         // of the edge
  uint32_t public_port = 0;                                  // to which clients go
  std::vector<std::pair<std::string, std::string>> daemons;  // pid file, mark
};

// `mode`: haproxy, nginx, nginx+haproxy.
Bed MakeBed(const std::string& mode);

// As somebody's own nginx would be, with one fixed address to pass to.
void PutNginxInFront(Bed& bed);

// Ends the adapter, then the programs; removes the folder.
void End(Bed& bed);

}  // namespace drover::agent
