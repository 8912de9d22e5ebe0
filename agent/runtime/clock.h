// CLOCK_BOOTTIME of this machine: the only clock that decisions see (R2.1).
#pragma once

#include <ctime>

#include "common/time.h"

namespace drover::agent {

inline Instant Now() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant::FromNanoseconds(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

}  // namespace drover::agent
