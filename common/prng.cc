#include "common/prng.h"

#include "common/check.h"

namespace drover {

uint64_t Prng::Next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

double Prng::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

uint64_t Prng::Below(uint64_t n) {
  DROVER_CHECK(n > 0);
  return Next() % n;
}

Prng Prng::Split(absl::string_view name) const {
  uint64_t hash = 0xcbf29ce484222325ULL ^ state_;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  }
  return Prng(hash);
}

}  // namespace drover
