// Waiting for a stack with progress: redrawn on a terminal, a line per change otherwise.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "cli/session.h"

namespace drover::cli {

struct WaitOptions {
  std::string stack;
  uint64_t revision = 0;  // wait for this one or a later one
  absl::Duration timeout = absl::InfiniteDuration();
};

// Until every service has converged: kOk, kTimedOut (with what is missing), or kError when the
// controller is away for more than 30 s or the stack is removed meanwhile.
int WaitUntilConverged(const Session& session, const WaitOptions& options);
// Until the controller knows the stack no more: kOk, kTimedOut or kError.
int WaitUntilGone(const Session& session, const WaitOptions& options);

// "2/5 ready, 3 starting" of a service, without its status line.
std::string CountsText(const v1::Service& service);

}  // namespace drover::cli
