// Starts a balancer again when its process has ended, also while no agent lives (R6.4). It is a process of
// its own, `drover-agent keep-edge`, which sleeps until that end. Killing it, then the balancer, stops both.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace drover::agent {

// What a keeper has in its balancer's folder.
struct KeeperFiles {
  explicit KeeperFiles(const std::string& folder)
      : dir(folder),
        lock(dir + "/keeper.lock"),
        pid(dir + "/keeper.pid"),
        output(dir + "/keeper.out"),
        start_lock(dir + "/start.lock") {}

  std::string dir;
  std::string lock;        // whoever holds it is the keeper
  std::string pid;         // the keeper's
  std::string output;      // of a keeper that did not come to be
  std::string start_lock;  // see StartLock
};

// Held while a balancer is started: an agent and a keeper may both see that it has ended. Waits for its turn.
class StartLock {
 public:
  explicit StartLock(const KeeperFiles& files);
  ~StartLock();
  StartLock(const StartLock&) = delete;
  StartLock& operator=(const StartLock&) = delete;

 private:
  int fd_;
};

// Which keeper a balancer has.
struct KeeperCall {
  std::string agent;    // path of drover-agent
  std::string kind;     // "haproxy"
  std::string program;  // the balancer's path
  std::string cgroup;   // beside the units, for it not to end with the agent's
};

// Sees to it that a keeper runs. Internal: it could not be started, and why.
absl::Status EnsureKept(const KeeperCall& call, const KeeperFiles& files);

struct Kept {
  KeeperFiles files;
  std::string config;                       // the balancer's; the keeper ends when it is gone
  std::function<std::optional<int>()> pid;  // of the balancer's first process while it lives
  std::function<absl::Status()> start;      // with the configuration as it is; OK when it runs already
};

// Goes on in a child process in the background; returns the exit code of this one. There is one keeper
// already: nothing else is done, 0. Call it before any thread is started.
int KeepInBackground(const Kept& kept);

}  // namespace drover::agent
