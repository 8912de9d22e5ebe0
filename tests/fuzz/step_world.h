// A controller's core with a store, four agents and operators, all driven by the choices of one fuzz input.
#pragma once

#include <map>
#include <memory>

#include "controller/core/core.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/step_checks.h"
#include "tests/fuzz/step_reports.h"
#include "tests/support/core_cluster.h"

namespace drover::fuzz {

class StepWorld {
 public:
  explicit StepWorld(Feed& feed);

  // One event, or a few seconds of reports; then, mostly, what the core wants is taken and carried out.
  void Next();
  // With nothing more told and no time passing, the core soon wants nothing more.
  void Finish();

 private:
  void Restart();
  Peer& AnyPeer();
  controller::StreamId AnyStream(const Peer& peer);
  ServiceKey AnyService();
  controller::RequestId NextRequest();
  std::optional<Duration> AnyHold();

  void Pass(Duration duration);
  void PassAny();
  void Hello(Peer& peer);
  void Goodbye(Peer& peer);
  void Tell(const Peer& peer, const v1::Report& report);
  void Seconds();
  void ChangeStack();
  void Operate();
  void ChangeStore();

  void Take();
  void CarryOut(const controller::Ready& ready);

  Feed& feed_;
  controller::FakeStore store_;
  StepChecks checks_;
  std::unique_ptr<controller::Core> core_;
  std::map<NodeId, Peer> peers_;
  Instant now_ = Instant::FromNanoseconds(1'000'000'000'000);
  absl::Time wall_ = absl::FromUnixSeconds(1'700'000'000);
  Epoch epoch_;
  uint64_t streams_ = 0;
  uint64_t requests_ = 0;
  size_t unanswered_ = 0;
  bool may_decide_ = true;  // the store takes writes, nobody has spoken of a later epoch
};

}  // namespace drover::fuzz
