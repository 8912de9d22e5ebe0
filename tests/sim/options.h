// What one seed tries: which faults, how often, and how hard. Swarm testing: each seed turns some
// faults off and others up, so that rare combinations come up and no fault hides another.
#pragma once

#include <cstdint>
#include <string>

#include "common/time.h"

namespace drover::sim {

struct Options {
  uint64_t seed = 1;
  Duration length = absl::Minutes(30);  // of the phase with faults
  bool verbose = false;
  int hosts = 8;
  int edges = 2;

  // Mean time between faults of a kind, over the whole cluster; infinite: never.
  Duration controller_crash;
  Duration controller_freeze;
  Duration old_store;  // the controller is started on an old or an empty store for a while
  Duration agent_crash;
  Duration agent_freeze;
  Duration host_reboot;
  Duration partition;
  Duration stream_break;
  Duration engine_away;
  Duration container_crash;
  Duration by_hand;  // docker rm -f
  Duration edge_restart;
  Duration queue_away;
  Duration sampler_stuck;
  Duration operation;  // scale, deploy, pause
  Duration load_change;

  // Per commit, message, engine call.
  double crash_at_commit = 0;
  double commit_error = 0;
  double duplicate = 0;
  double engine_error = 0;
  double engine_stall = 0;
  double event_loss = 0;

  Duration latency_max = absl::Milliseconds(20);
  Duration edge_delay_max = absl::Milliseconds(500);
};

// The options of `seed`; `length` and `verbose` are the caller's.
Options MakeOptions(uint64_t seed);

// One line, the same for the same seed.
std::string ToString(const Options& options);

}  // namespace drover::sim
