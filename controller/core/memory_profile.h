// What replicas of a service were seen to use, for those whose reservation the user left out (R3.5).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/units.h"

namespace drover::controller {

// A histogram of samples with buckets that grow by a twelfth. Old samples fade: the weight of all halves
// after a day's worth of one replica. Pure.
class MemoryProfile {
 public:
  void Add(int64_t bytes);
  // From now on new samples outweigh the known ones within a minute: another revision runs.
  void Fade();
  // That 95 % of the samples stay below, to the next bucket's end; absent before a minute's worth of
  // samples of one replica.
  std::optional<Bytes> P95() const;

 private:
  std::vector<float> counts_;  // by bucket; empty until the first sample
  float total_ = 0;
};

}  // namespace drover::controller
