// The people: deploy, scale, hold, pause, take a stack down and up again, empty nodes, freeze. What they
// asked last is what everything must come to (invariant 9). An operation is one row of the table in
// operator.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/prng.h"
#include "controller/core/ready.h"
#include "tests/sim/stack.h"

namespace drover::sim {

class World;

class Operator {
 public:
  explicit Operator(World* world);

  // One of the operations, at random.
  void Operate();
  // Once a second: asks again for what is not in force yet.
  void Second();
  // Takes every hold, pause and `down` back, until it is taken.
  void Settle();

  void OnReply(const controller::Reply& reply);

  // The stack is up in its newest version, or gone, as asked last; and nothing is held or paused.
  bool satisfied() const;

  // The fixed count of `api`, as last asked.
  int64_t api_replicas() const { return api_replicas_; }

 private:
  struct Operation;
  static const Operation kOperations[];

  void Deploy();
  void ScaleApi();
  void Hold();
  void Pause();
  void Resume();
  void Down();
  void Cordon();
  void Drain();
  void Maintenance();
  void Freeze();
  void Apply();
  void ChangeAnyNode(controller::ChangeNode::Kind kind);
  void TakeBack();

  World* world_;
  Prng prng_;
  Versions versions_;
  int64_t api_replicas_ = 3;
  bool applied_ = false;          // the stack, at its newest version
  std::optional<bool> down_;      // `down` is to be asked, with its volumes or without
  std::optional<Instant> up_at_;  // the stack is gone, and comes again then
  bool settling_ = false;         // nothing is to be held or paused
};

}  // namespace drover::sim
