// All checkers of the simulation. They know the world as it really is and read what the cores say;
// they share no code with the cores. One file per invariant of the design (§7).
#pragma once

#include <string>
#include <vector>

#include "tests/sim/checkers/alone.h"
#include "tests/sim/checkers/backends.h"
#include "tests/sim/checkers/bounds.h"
#include "tests/sim/checkers/identity.h"
#include "tests/sim/checkers/idle.h"
#include "tests/sim/checkers/intent.h"
#include "tests/sim/checkers/knowledge.h"
#include "tests/sim/checkers/restart.h"
#include "tests/sim/checkers/sink.h"
#include "tests/sim/checkers/steps.h"
#include "tests/sim/checkers/stops.h"
#include "tests/sim/checkers/words.h"

namespace drover::sim {

struct Checks {
  Sink sink;
  Bounds bounds{&sink};
  Backends backends{&sink};
  Knowledge knowledge{&sink};
  Identity identity{&sink};
  Alone alone{&sink};
  Idle idle{&sink};
  Words words{&sink};
  Restart restart{&sink};
  Stops stops{&sink};
  Steps steps{&sink};
  Intent intent{&sink};

  // The controller's core takes a report in.
  void OnReport(const World& world, const Host& host, const controller::NodeReport& report);
  // Before and after a batch becomes durable.
  void OnCommit(const World& world, const std::vector<controller::StoreChange>& changes);
  void OnCommitted(const World& world);
  // The controller's core gave a Ready out; nothing of it has happened yet.
  void OnTaken(const World& world, const controller::Ready& ready);
  // An order leaves the controller.
  void OnOrder(const World& world, const Host& host, const controller::Order& order);
  void OnView(const World& world, const controller::View& view);
  void OnControllerEnd();
  // An agent keeps another assignment.
  void OnHeld(const World& world, const Host& host, const agent::HeldAssignment& before,
              const agent::HeldAssignment& after);
  void OnSecond(const World& world);
};

}  // namespace drover::sim
