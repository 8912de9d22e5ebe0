// The whole simulated cluster of one seed: hosts, controller, network, load, operator, the faults
// that befall them, and the checkers that watch.
//
//   phase 1: faults for options.length   phase 2: heal, no load, converge within a bounded time
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/prng.h"
#include "tests/sim/bridge.h"
#include "tests/sim/checkers/checks.h"
#include "tests/sim/controller_host.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/host.h"
#include "tests/sim/load.h"
#include "tests/sim/network.h"
#include "tests/sim/options.h"
#include "tests/sim/stack.h"
#include "tests/sim/trace.h"

namespace drover::sim {

class World {
 public:
  explicit World(const Options& options_in);

  // Runs both phases. False: an invariant is broken, see checks.sink.
  bool Run();

  Host& host(int index) { return *hosts[static_cast<size_t>(index)]; }

  const Host& host(int index) const { return *hosts[static_cast<size_t>(index)]; }

  const Host* FindHost(const NodeId& node) const;

  void OnReply(const controller::Reply& reply);

  const Options options;
  EventQueue queue;
  Trace trace;
  bool faults = true;
  Registry registry;
  Checks checks;
  std::unique_ptr<Network> network;
  std::unique_ptr<ControllerHost> controller;
  std::unique_ptr<Load> load;
  std::vector<std::unique_ptr<Host>> hosts;

  // What the simulation did, for the summary.
  uint64_t faults_done = 0;

 private:
  void Every(Duration mean, std::function<void()> fault);
  void PlanFaults();
  void PlanHostFaults();
  void Second();
  void Apply();
  void Operate();
  void Heal();
  // Empty when everything is as it should be, else the first thing that is not.
  std::string NotConverged() const;
  std::string ServiceNotConverged(const std::string& service, int64_t expected) const;
  Host& AnyHost();
  bool RunUntil(Instant end);

  Prng prng_;
  Versions versions_;
  int64_t api_replicas_ = 3;  // as last asked
  bool applied_ = false;      // the stack, at its newest version
};

}  // namespace drover::sim
