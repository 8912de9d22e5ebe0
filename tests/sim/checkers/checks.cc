#include "tests/sim/checkers/checks.h"

#include <variant>

#include "tests/sim/world.h"

namespace drover::sim {

void Checks::OnReport(const World& world, const Host& host, const controller::NodeReport& report) {
  backends.OnReport(world, report);
  knowledge.OnReport(world, host, report);
  idle.OnReport(world, host, report);
}

void Checks::OnCommit(const World& world, const std::vector<controller::StoreChange>& changes) {
  steps.OnCommit(world, changes);
  identity.OnCommit(world, changes);
  words.OnCommit(world, changes);
  for (const controller::StoreChange& change : changes) {
    if (std::holds_alternative<controller::DeleteStack>(change)) {
      alone.OnStackGone();
    }
  }
}

void Checks::OnCommitted(const World& world) { restart.OnCommitted(world); }

void Checks::OnTaken(const World& world, const controller::Ready& ready) {
  idle.OnTaken(world, ready);
  for (const controller::Order& order : ready.orders) {
    if (const Host* host = world.FindHost(order.node)) {
      backends.OnTaken(world, *host, order);
    }
  }
}

void Checks::OnOrder(const World& world, const Host& host, const controller::Order& order) {
  intent.OnOrder(world, host, order);
  backends.OnOrder(host, order);
}

void Checks::OnView(const World& world, const controller::View& view) {
  bounds.OnView(view);
  knowledge.OnView(world, view);
  steps.OnView(view);
  restart.OnView(world, view);
}

void Checks::OnControllerEnd() {
  backends.OnControllerEnd();
  idle.OnControllerEnd();
  knowledge.OnControllerEnd();
  steps.OnControllerEnd();
}

void Checks::OnHeld(const World& world, const Host& host, const agent::HeldAssignment& before,
                    const agent::HeldAssignment& after) {
  intent.OnHeld(host, before, after);
  backends.OnHeld(world, host, before, after);
}

void Checks::OnSecond(const World& world) { identity.OnSecond(world); }

}  // namespace drover::sim
