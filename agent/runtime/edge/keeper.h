// Starts a balancer again when its process has ended, also while no agent lives (R6.4). It is a process of
// its own, `drover-agent keep-edge`, which sleeps until that end. Killing it, then the balancer, stops both.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace drover::agent {

struct Kept {
  std::string lock;                         // a file; whoever holds its lock is the keeper
  std::string pid_file;                     // the keeper's
  std::string config;                       // the balancer's; the keeper ends when it is gone
  std::function<std::optional<int>()> pid;  // of the balancer's first process while it lives
  std::function<absl::Status()> start;      // with the configuration as it is; OK when it runs already
};

// Goes on in a child process in the background; returns the exit code of this one. There is one keeper
// already: nothing else is done, 0. Call it before any thread is started.
int KeepInBackground(const Kept& kept);

}  // namespace drover::agent
