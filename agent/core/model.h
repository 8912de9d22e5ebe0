// What the agent's core believes: the held assignment, the replicas it names, the containers found
// beside them, and whether controller and engine are there. Events are folded in here; steps.cc
// turns the belief into actions.
//
// Single-threaded, pure. Must not issue actions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/assignment.h"
#include "agent/core/core.h"
#include "agent/core/replica.h"

namespace drover::agent {

class Model {
 public:
  Model(const CoreOptions& options, const HeldAssignment& held, Instant now);

  void Fold(const Tick& e);
  void Fold(const ControllerConnected& e);
  void Fold(const ControllerDisconnected& e);
  void Fold(const ControllerHeard& e);
  void Fold(const AssignmentReceived& e);
  void Fold(const EngineListed& e);
  void Fold(const ContainerChanged& e);
  void Fold(const EngineReachable& e);
  void Fold(const ActionDone& e);
  void Fold(const ReadyProbed& e);

  // Brings everything that depends on time up to date: readiness, confirmed removals, the wait after
  // a boot. Called once before planning.
  void Settle();

  // Everything of Ready but `actions` and `wake_at`; moved out.
  Ready TakeNews();

  // When belief changes by time alone; absent: never.
  std::optional<Instant> WakeAt() const;

  const CoreOptions& options() const { return options_; }

  const HeldAssignment& held() const { return held_; }

  Instant now() const { return now_; }

  std::map<ReplicaId, Replica>& mutable_replicas() { return replicas_; }

  const std::map<uint64_t, Action>& outstanding() const { return outstanding_; }

  // The engine answers and was listed once.
  bool CanAct() const { return listed_ && reachable_; }

  // Still waiting for a controller after a boot (R1.6).
  bool WaitsAfterBoot() const { return boot_wait_until_.has_value(); }

  // R7.2: a running singleton must be stopped / a stopped one may be started.
  bool SingletonFenced() const;
  bool SingletonMayStart() const;

  const ServiceContext* ContextOf(const Replica& replica) const;

  // `action` was handed out.
  void NoteIssued(const Action& action);

  std::vector<ReplicaStatus> Statuses() const;
  std::vector<UnknownReplica> Unknown() const;
  std::vector<ReplicaId> Removed() const;

 private:
  // By a new stream or an order, which prove that the controller counts on this node now.
  void Heard(Instant now);
  bool HoldsSingleton() const;
  // True for containers of our cluster whose replica is in a list.
  bool IsListed(const Container& container) const;
  void ApplyHeld(HeldAssignment next);
  NodeFacts Facts() const;
  void Adopt(Replica& replica, std::optional<Container> found);
  void Observe(Replica& replica, std::optional<Container> next, bool by_hand);
  void Reconcile(Replica& replica, const Container* found);
  void Recheck(Replica& replica, Instant at, const std::string& container_id);
  // R3.7; `hands_off`: and it stays so.
  void NoticeByHand(Replica& replica, const std::string& what, bool hands_off);
  void SetOther(ReplicaId id, std::optional<Container> container);
  void OnPulled(Replica& replica, const ActionDone& e);
  void OnCreated(Replica& replica, const ActionDone& e);
  void OnStarted(Replica& replica, const ActionDone& e);
  void OnStopped(Replica& replica, const Action& action, const ActionDone& e);
  void OnRemoved(Replica& replica, const ActionDone& e);
  void OnInspected(Replica& replica, const ActionDone& e);
  // True when the failure is dealt with: engine away, container gone, or not to be tried again.
  bool HandleError(Replica& replica, const ActionDone& e, const char* default_reason);
  void Confirm(Replica& replica);
  ReplicaStatus StatusOf(const Replica& replica) const;
  void Notify(std::string reason, std::string message, ReplicaId replica, bool warning);

  CoreOptions options_;
  BackoffRule rule_;
  HeldAssignment held_;
  bool held_changed_ = false;
  Instant now_;

  bool connected_ = false;
  bool ordered_ = false;  // an assignment was obeyed on this stream
  Instant last_heard_;
  bool lapsed_ = false;  // silent for the fence of singletons; only an order or a new stream ends that
  std::optional<Instant> boot_wait_until_;
  bool listed_ = false;
  bool reachable_ = true;

  std::map<ReplicaId, Replica> replicas_;  // exactly those of held_.run and held_.remove
  std::vector<Container> others_;          // ours by label, in no list or of another cluster
  std::map<uint64_t, Action> outstanding_;
  std::optional<Notice> refused_;  // R1.4, until a new assignment comes

  std::vector<StopResult> stops_;
  std::vector<Notice> notices_;
  bool need_full_ = false;
  bool report_now_ = false;
  std::map<ReplicaId, std::pair<ReplicaState, std::string>>
      told_;  // state and reason, as of the last TakeNews
};

}  // namespace drover::agent
