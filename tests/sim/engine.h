// The container engine of one host: what runs, how long its calls take, how they fail. It survives
// the agent's process; a reboot takes everything down.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/core/core.h"
#include "common/prng.h"

namespace drover::sim {

class World;

// A container, and what only the world knows of it.
struct Box {
  agent::Container container;
  Instant ready_at;    // while it runs: from when its check passes
  Instant sick_until;  // until then its check fails
  uint64_t run = 0;    // raised by every start and exit: an older timer of it means nothing
};

class Engine {
 public:
  using Done = std::function<void(agent::ActionDone)>;
  using Changed = std::function<void(ReplicaId, bool by_hand)>;

  // `changed` is told of every change, as the engine's event stream would.
  Engine(World* world, int host, Changed changed);

  // Carries `action` out in virtual time and calls `done` at its end; `now` is left to the receiver.
  void Execute(const agent::Action& action, const ClusterId& cluster, const Done& done);

  void SetAway(bool away) { away_ = away; }

  // Takes calls and answers none of them.
  void SetHangs(bool hangs) { hangs_ = hangs; }

  // True: nobody gets an answer from it now.
  bool away() const { return away_ || hangs_; }

  bool hangs() const { return hangs_; }

  // Everything stops; calls under way end nowhere.
  void Reboot();

  // A container ends by itself. False: it does not run.
  bool Crash(ReplicaId id, int32_t exit_code, bool oom);

  // Fails the check of one running container of `service`, or of all, for so long. False: none runs.
  bool MakeUnhealthy(const std::string& service, Duration length, bool all);

  // `docker rm -f`
  void RemoveByHand(ReplicaId id);

  // Since when each stop call ended as it should; what a host can be held to (checkers/alone.h).
  Instant stops_since() const { return stops_since_; }

  const std::map<ReplicaId, Box>& boxes() const { return boxes_; }

  std::vector<agent::Container> List() const;
  bool IsReady(const Box& box) const;
  // Containers of `service` that run (and pass their check).
  int64_t CountReady(const std::string& service) const;
  int64_t CountRunning(const std::string& service) const;

 private:
  Duration Latency(const agent::Action& action);
  Duration StopTime(const agent::Action& action);
  // What the container was created with, unless the call says otherwise.
  Duration GraceOf(const agent::Action& action) const;
  void Finish(const agent::Action& action, const ClusterId& cluster, Duration took, const Done& done,
              absl::Status status, bool happens);
  void Create(const agent::Action& action, const ClusterId& cluster, agent::ActionDone& done);
  void Start(Box& box);
  void Exit(Box& box, int32_t exit_code, bool oom);
  void JudgeHealth(ReplicaId id, uint64_t run);

  World* world_;
  int host_;
  Changed changed_;
  Prng prng_;
  bool away_ = false;
  bool hangs_ = false;
  Instant stops_since_;
  uint64_t boot_ = 1;
  uint64_t next_container_ = 1;
  std::map<ReplicaId, Box> boxes_;
  std::map<std::string, bool> images_;
};

}  // namespace drover::sim
