// The whole simulated cluster of one seed: hosts, controller, network, load, people, the faults that
// befall them, and the checkers that watch.
//
//   1. faults for options.length   2. heal, no load, converge   3. constant load, settle and stay
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/sim/aftermath.h"
#include "tests/sim/bridge.h"
#include "tests/sim/checkers/checks.h"
#include "tests/sim/consumer.h"
#include "tests/sim/controller_host.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/faults.h"
#include "tests/sim/host.h"
#include "tests/sim/load.h"
#include "tests/sim/network.h"
#include "tests/sim/operator.h"
#include "tests/sim/options.h"
#include "tests/sim/stack.h"
#include "tests/sim/trace.h"

namespace drover::sim {

class World {
 public:
  explicit World(const Options& options_in);

  // Runs all phases. False: an invariant is broken, see checks.sink.
  bool Run();
  // False: an invariant broke before `end`.
  bool RunUntil(Instant end);

  Host& host(int index) { return *hosts[static_cast<size_t>(index)]; }

  const Host& host(int index) const { return *hosts[static_cast<size_t>(index)]; }

  const Host* FindHost(const NodeId& node) const;

  const Options options;
  EventQueue queue;
  Trace trace;
  bool faults = true;
  Registry registry;
  Checks checks;
  std::unique_ptr<Network> network;
  std::unique_ptr<ControllerHost> controller;
  std::unique_ptr<Load> load;
  std::unique_ptr<Consumer> consumer;
  std::unique_ptr<Operator> people;
  std::vector<std::unique_ptr<Host>> hosts;
  Faults mishaps;
  Aftermath aftermath;

 private:
  void Second();
  void Heal();

  Prng prng_;
};

}  // namespace drover::sim
