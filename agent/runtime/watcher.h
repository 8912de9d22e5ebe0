// Watches the engine for the core: the stream of container events, and beside it a slow reconciling list
// (every 20 s, and after the engine was away), because an event may be lost. Says when the engine goes and
// comes back (R3.8).
#pragma once

#include <functional>
#include <memory>

#include "agent/core/event.h"
#include "agent/runtime/docker/client.h"

namespace drover::agent {

struct WatcherOptions {
  Duration list_every = absl::Seconds(20);
  Duration retry = absl::Seconds(1);  // while the engine is away
  // All on the watcher's threads.
  std::function<void(Event)> post;
  std::function<bool(ReplicaId)> ours;  // our own doing explains an event of this replica (R3.7)
  std::function<void(const docker::EngineVersion&)> connected;  // before the list that follows
  std::function<void(const absl::Status&)> away;
};

class Watcher {
 public:
  Watcher(WatcherOptions options, docker::Client* engine);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
