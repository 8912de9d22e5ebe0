// Invariant 6: no two replicas ever share an unshared volume, nor leave it while the stack lives; a
// singleton and a task never run twice, also in a partition (R7). Judged by what runs at one moment of
// the simulator's own time.
//
// A singleton is stopped by its own node when that hears no controller (R7.2), which an agent that is
// dead or frozen, or an engine that does not answer, can't do: such a node is held to it only when it
// could have acted for long enough.
#pragma once

#include <optional>
#include <string>

#include "tests/sim/checkers/sink.h"
#include "tests/sim/engine.h"

namespace drover::sim {

class Alone {
 public:
  explicit Alone(Sink* sink) : sink_(sink) {}

  // A container's process starts on `host`.
  void OnStarted(const World& world, const Host& host, const Box& box);

  // The stack is gone from the store, and with it where its data was.
  void OnStackGone() { data_host_.reset(); }

 private:
  Sink* sink_;
  std::optional<int> data_host_;  // of the pinned service
};

}  // namespace drover::sim
