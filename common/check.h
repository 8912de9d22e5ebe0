// CHECK: broken invariants end the process, in every build. Only for what our own code controls;
// what users, networks or disks can cause is an absl::Status.
#pragma once

namespace drover {

// Prints `FILE:LINE: check failed: CONDITION` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace drover

#define DROVER_CHECK(condition)                                              \
  do {                                                                       \
    if (!(condition)) ::drover::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
