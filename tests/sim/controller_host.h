// The runtime around a real controller::Core, in virtual time: the loop of controller/runtime/loop
// (step, take, commit, send), a store that outlives the process, and crash points around each commit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/prng.h"
#include "controller/core/core.h"
#include "tests/sim/store.h"

namespace drover::sim {

class World;
class Host;

class ControllerHost {
 public:
  explicit ControllerHost(World* world);

  // ---- what happens to it ----
  void Start();
  void Crash();
  void Freeze(Duration length);
  // Started again on another store: an old copy of its own, or an empty one (R1.2, R1.3). False: no
  // copy is old enough yet. RestoreStore ends it.
  bool StartOnOtherStore(bool empty);
  void RestoreStore();
  // Under which it would run on the old copy.
  Epoch EpochOfOldStore() const;
  // Commits fail for so long.
  void FillDisk(Duration length);
  // The wall clock, not the one that deciding goes by (R2.1).
  void StepWall(Duration step);

  // ---- what the network delivers ----
  void OnHello(int host, controller::NodeConnected hello);
  void OnReport(controller::NodeReport report);
  void OnStreamClosed(int host, controller::StreamId stream);
  // `event.now` is filled in when the process takes it.
  void Post(controller::Event event);
  // An operator's event; `event.request` is filled in, World::OnReply gets the answer.
  void Ask(controller::Event event);

  bool alive() const { return core_ != nullptr; }

  bool frozen() const { return frozen_; }

  // Its HTTP API answers.
  bool answers() const { return alive() && !frozen_ && view_ != nullptr && view_->ready; }

  bool committing() const { return pending_.has_value(); }

  bool on_other_store() const { return other_.has_value(); }

  uint64_t process() const { return process_; }

  const Store& store() const { return store_; }

  // The newest view of this process; null: none yet.
  const controller::View* view() const { return view_.get(); }

  Instant LocalNow() const;
  absl::Time Wall() const;

 private:
  void OnProcess(std::function<void()> run);
  void Launch();
  void RunAt(Instant at);
  void Run();
  void CommitLater(Duration delay);
  void Commit();
  // Crashes once `crash_after` orders are out, when set.
  void Effects(controller::Ready ready, std::optional<size_t> crash_after);
  void Send(controller::Order order);
  void TraceSets(const Host& host, const controller::BackendSets& sets);
  void CloseOlder(int host, controller::StreamId newest);
  void HeartbeatLoop();

  World* world_;
  Prng prng_;
  Store store_;
  std::optional<Store> other_;  // the real one, while another is in use
  std::deque<Store> copies_;    // one per start, oldest first

  std::unique_ptr<controller::Core> core_;
  uint64_t process_ = 0;
  bool frozen_ = false;
  std::deque<std::function<void()>> deferred_;
  std::deque<controller::Event> inbox_;
  std::optional<controller::Ready> pending_;
  bool store_failing_ = false;
  Instant disk_full_until_;
  Duration wall_step_;
  Instant tick_at_;
  std::optional<Instant> run_at_;
  std::shared_ptr<const controller::View> view_;
  std::map<controller::StreamId, int> streams_;
  std::map<NodeId, controller::StreamId> newest_;  // stream per node, as the core has it
  uint64_t last_request_ = 0;
};

}  // namespace drover::sim
