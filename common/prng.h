// Deterministic pseudo-random numbers (splitmix64): the same on every machine and compiler, unlike
// the standard distributions. Split by name, so that a new draw in one place does not reshuffle the
// others.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace drover {

class Prng {
 public:
  explicit Prng(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // Uniform in [0, 1), 53 bits.
  double Uniform();
  // Uniform in [0, n), n > 0.
  uint64_t Below(uint64_t n);

  // True with probability `p`.
  bool Chance(double p) { return Uniform() < p; }

  // An independent stream for `name`; does not draw from this one.
  Prng Split(absl::string_view name) const;

 private:
  uint64_t state_;
};

}  // namespace drover
