#include <time.h>

#include "controller/runtime/loop.h"

namespace drover::controller {

Instant Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant::FromNanoseconds(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

}  // namespace drover::controller
