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
  Duration disk_full;  // of the controller: nothing can be committed for a while
  Duration wall_step;  // the controller's wall clock steps, back or forward
  Duration agent_crash;
  Duration agent_freeze;
  Duration host_reboot;
  Duration host_death;  // for good; a few hosts stay
  Duration partition;
  Duration stream_break;
  Duration engine_away;  // connections are refused
  Duration engine_hang;  // calls are taken and not answered
  Duration container_crash;
  Duration unhealthy;  // containers run, but fail their check
  Duration by_hand;    // docker rm -f
  Duration edge_restart;
  Duration edge_wipe;  // a balancer forgets its servers, its process stays
  Duration consumer_away;
  Duration queue_away;
  Duration sampler_stuck;
  Duration operation;  // scale, hold, deploy, pause, down and up
  Duration load_change;
  Duration load_spike;

  // Per commit, message, engine call.
  double crash_at_commit = 0;
  double commit_error = 0;
  double duplicate = 0;
  double late_order = 0;  // an assignment comes once more after later ones
  double engine_error = 0;
  double engine_stall = 0;
  double event_loss = 0;

  Duration latency_max = absl::Milliseconds(20);
  Duration edge_delay_max = absl::Milliseconds(500);

  // Every so many commits a core is started from the store beside the running one (invariant 10).
  uint64_t restart_every = 10;
};

// The options of `seed`; `length` and `verbose` are the caller's.
Options MakeOptions(uint64_t seed);

// One line, the same for the same seed.
std::string ToString(const Options& options);

}  // namespace drover::sim
