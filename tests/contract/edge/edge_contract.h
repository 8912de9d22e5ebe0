// The fixture of what every Edge adapter owes: one adapter on the real program, one wanted set.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ports/edge.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/http_load.h"

namespace drover::agent {

// How one adapter is made and, from outside, looked at.
struct Adapter {
  std::string name;
  std::string program;
  std::function<absl::StatusOr<std::unique_ptr<Edge>>(const std::string& dir)> make;
  std::string config;       // of its file in `dir`
  std::string pid;          // of its pid file
  bool counts = true;       // tells how many requests came
  bool keeps_alive = true;  // a change of replicas fails no request of clients with keep-alive
};

Adapter HaproxyAdapter();
Adapter NginxAdapter();

void PrintTo(const Adapter& adapter, std::ostream* out);

// The agent's clock.
Instant ContractNow();
// A new folder below /tmp.
std::string ContractDir();

class EdgeFixture : public ::testing::Test {
 protected:
  using HttpBackend = drover::testing::HttpBackend;

  explicit EdgeFixture(Adapter adapter) : adapter_(std::move(adapter)) {}

  void SetUp() override;
  void TearDown() override;
  void Make();

  // The balancer's first process.
  std::optional<int> Master() const;
  std::string ConfigText() const;

  EdgeBackend To(const HttpBackend& backend, bool drain = false) const;

  // Wants these backends; reconciles until they are applied or an error says why not, as the agent does.
  // Returns the state of the set.
  EdgeSetState Apply(std::vector<EdgeBackend> backends);
  // Reconciles while the balancer says that a change is under way.
  void Settle();

  // Reconciles until the replica's load is known and as wanted. Unknown (absent) for a moment is allowed,
  // a wrong number is not waited away by callers that look at the first known one.
  std::optional<EdgeServerState> Await(ReplicaId replica,
                                       const std::function<bool(const EdgeServerState&)>& good);
  bool Drained(ReplicaId replica);
  // Rounds until `done`, as the agent makes them while something drains; false: it took longer than `limit`.
  bool RoundsUntil(const std::function<bool()>& done, Duration limit = absl::Seconds(5));
  // One request hangs in `backend`.
  bool Busy(const HttpBackend& backend);
  std::optional<EdgeServerState> FirstKnown(const HttpBackend& backend);

  void ExpectBackAfterKilling(int pid);

  uint32_t port() const { return set_.listeners.front().port; }

  Adapter adapter_;
  std::string dir_;
  std::unique_ptr<Edge> edge_;
  EdgeSet set_;
  EdgeState last_;
};

}  // namespace drover::agent
