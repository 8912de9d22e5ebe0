// Policies for tests: counts by second, and one that notes what it saw.
#pragma once

#include <map>
#include <vector>

#include "simulate/policy.h"

namespace drover::simulate {

// From each second on the count beside it; before the first, what is there.
class Scripted : public Policy {
 public:
  explicit Scripted(std::map<int64_t, int64_t> counts) : counts_(std::move(counts)) {}

  int64_t Desired(const Observation& now) override {
    seen.push_back(now);
    auto it = counts_.upper_bound(now.second);
    return it == counts_.begin() ? now.current() : std::prev(it)->second;
  }

  std::vector<Observation> seen;  // by second

 private:
  std::map<int64_t, int64_t> counts_;
};

}  // namespace drover::simulate
