// Runs seeds, several at a time, each in a process of its own: a core that ends by a failed CHECK is a
// finding about that seed like any other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace drover::sim {

struct RunOptions {
  double hours = 0.5;  // simulated, with faults, per seed
  int jobs = 1;
  bool keep_going = false;  // after a seed that broke something
  bool verbose = false;     // the whole trace; for one seed
};

// What many seeds came to.
struct Summary {
  uint64_t held = 0;
  std::vector<uint64_t> broken;
  double simulated_hours = 0;
  uint64_t faults = 0;
  // By kind: the longest time to converge, in seconds, and the seed that took it.
  std::map<std::string, std::pair<double, uint64_t>> slowest;
};

// Runs them in this order and prints what each came to. In one process when there is one seed.
Summary RunSeeds(const std::vector<uint64_t>& seeds, const RunOptions& options);

}  // namespace drover::sim
