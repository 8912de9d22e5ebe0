// One host: the runtime around a real agent::Core, in virtual time. The agent's process may crash,
// freeze or be started again; the host may reboot. Engine and balancer outlive the process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/core.h"
#include "common/prng.h"
#include "controller/core/ready.h"
#include "tests/sim/edge.h"
#include "tests/sim/engine.h"

namespace drover::sim {

class World;

class Host {
 public:
  Host(World* world, int index);

  // ---- what happens to it ----
  void StartAgent();
  void CrashAgent();
  void Freeze(Duration length);
  void Reboot();
  // Gone for good, with all that ran on it.
  void Die();
  void SetEngineAway(bool away);
  void HangEngine(Duration length);
  // It answers again, whatever was wrong.
  void MendEngine();
  // Its CPU samples stay as they are and grow old.
  void StickSampler(Duration length);

  // ---- what the network delivers ----
  void OnOrder(controller::StreamId stream, const controller::Order& order);
  void OnHeartbeat(controller::StreamId stream);
  void OnStreamClosed(controller::StreamId stream);

  // ---- for the world and the checkers ----
  int index() const { return index_; }

  const NodeId& node() const { return node_; }

  std::string name() const;

  bool agent_alive() const { return core_ != nullptr; }

  bool connected() const { return welcomed_; }

  bool frozen() const { return frozen_; }

  bool dead() const { return dead_; }

  // Since when the agent runs without a break and its engine answers; what it can be held to.
  Instant able_since() const { return std::max(able_since_, engine_.stops_since()); }

  uint64_t process() const { return process_; }

  // An instant of this host's clock since its last boot, as one of the simulator's.
  Instant ToWorld(Instant local) const { return booted_ + (local - Instant()); }

  const agent::HeldAssignment& disk() const { return disk_; }

  const agent::Core* core() const { return core_.get(); }

  Engine& engine() { return engine_; }

  const Engine& engine() const { return engine_; }

  Edge* edge() { return edge_ ? &*edge_ : nullptr; }

  const Edge* edge() const { return edge_ ? &*edge_ : nullptr; }

 private:
  // CLOCK_BOOTTIME of this host.
  Instant LocalNow() const;
  // Runs in the agent's process: not when it is gone or another one, later when it is frozen.
  void OnProcess(uint64_t process, std::function<void()> run);
  void Later(Duration delay, std::function<void()> run);
  template <typename E>
  void Step(E event);
  void Carry(agent::Ready ready);
  void TellEngine();
  void OnAssignment(const controller::Assignment& assignment);
  void WakeAt(Instant local);
  void Execute(const agent::Action& action);
  void List();
  void OnContainerChanged(ReplicaId id, bool by_hand);
  void ProbeLoop();
  void ListLoop();
  void ReportLoop();
  void Report();
  void ReportSoon();
  void AddSamples(controller::NodeReport& report);
  void AddQueues(controller::NodeReport& report) const;
  void Connect();
  void ConnectLater();
  controller::NodeConnected Hello() const;

  World* world_;
  int index_;
  NodeId node_;
  Prng prng_;
  Instant booted_;
  uint64_t boots_ = 1;
  bool dead_ = false;
  std::deque<agent::Assignment> assignments_;  // that came before, newest last
  Engine engine_;
  std::optional<Edge> edge_;
  agent::HeldAssignment disk_;

  // Of the process that runs now.
  std::unique_ptr<agent::Core> core_;
  uint64_t process_ = 0;
  bool frozen_ = false;
  Instant able_since_;
  std::deque<std::pair<uint64_t, std::function<void()>>> deferred_;
  bool listed_ = false;
  controller::StreamId stream_;
  bool welcomed_ = false;
  bool connecting_ = false;
  std::map<ReplicaId, agent::StopResult> stops_;  // until their ids are forgotten
  std::vector<agent::Notice> notices_;
  std::map<ReplicaId, bool> probed_;
  std::optional<Instant> wake_;
  bool report_soon_ = false;
  std::map<ReplicaId, int64_t> cpu_;  // newest samples
  std::optional<Instant> cpu_stuck_;  // since when there are no newer ones
  std::vector<controller::Probe> probes_;
};

}  // namespace drover::sim
