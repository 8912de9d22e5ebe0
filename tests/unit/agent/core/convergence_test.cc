// Property: whatever is lost, late, repeated or reordered between controller, agent and engine, what
// runs becomes what is assigned, and nothing outside `remove` is ever stopped (R1.3).
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "common/prng.h"
#include "tests/unit/agent/core/rig.h"

namespace drover::agent {
namespace {

using Kind = Action::Kind;
using CS = Container::Status;

// An engine that loses, delays, repeats and reorders what it tells, fails steps and lets containers
// crash, until `calm`.
class World {
 public:
  explicit World(uint64_t seed) : prng_(Prng(seed).Split("world")) { Restart(); }

  void Run(int rounds) {
    for (int i = 0; i < rounds && !broken_; ++i) {
      now_ = now_ + absl::Milliseconds(static_cast<int64_t>(prng_.Below(1500)));
      Disturb();
      Deliver();
    }
  }

  void Calm() {
    calm_ = true;
    core_->Step(ControllerConnected{.now = now_, .cluster = ClusterId("c"), .epoch = epoch_});
    SendFull();
  }

  // Enough rounds for every back-off to run out.
  void Settle() {
    for (int i = 0; i < 1200; ++i) {
      now_ = now_ + absl::Seconds(1);
      if (i % 10 == 0) {
        List();
      }
      Deliver();
    }
  }

  std::set<uint64_t> RunningIds() const {
    std::set<uint64_t> ids;
    for (const auto& [id, c] : engine_) {
      if (c.status == CS::kRunning) {
        ids.insert(id.value());
      }
    }
    return ids;
  }

  std::set<uint64_t> AnyIds() const {
    std::set<uint64_t> ids;
    for (const auto& [id, c] : engine_) {
      ids.insert(id.value());
    }
    return ids;
  }

  std::set<uint64_t> wanted_;
  std::set<uint64_t> removing_;
  std::string broken_why_;
  bool broken_ = false;
  std::unique_ptr<Core> core_;
  std::set<uint64_t> orphans_;

 private:
  void Restart() {
    CoreOptions options;
    options.boot_id = "boot1";
    core_ = std::make_unique<Core>(options, disk_, now_);
    pending_.clear();
    core_->Step(ControllerConnected{.now = now_, .cluster = ClusterId("c"), .epoch = epoch_});
    List();
  }

  void Disturb() {
    switch (prng_.Below(12)) {
      case 0:
        Change();
        break;
      case 1:
        SendFull();
        break;
      case 2:
        List();
        break;
      case 3:
        Crash();
        break;
      case 4:
        if (prng_.Chance(0.1)) {
          Restart();
        }
        break;
      case 5:
        if (prng_.Chance(0.2)) {
          core_->Step(EngineReachable{.now = now_, .reachable = prng_.Chance(0.5), .error = "away"});
        }
        break;
      case 6:
        if (!sent_.empty()) {  // an old order once more
          core_->Step(AssignmentReceived{.now = now_, .assignment = sent_[prng_.Below(sent_.size())]});
        }
        break;
      case 7:
        if (prng_.Chance(0.1)) {  // somebody else's doing
          const uint64_t id = 5000 + prng_.Below(1000);
          engine_[Id(id)] = Box(id);
          orphans_.insert(id);
        }
        break;
      default:
        break;
    }
  }

  void Change() {
    if (prng_.Chance(0.6) || wanted_.size() < 2) {
      wanted_.insert(next_++);
    } else {
      auto it = wanted_.begin();
      std::advance(it, static_cast<long>(prng_.Below(wanted_.size())));
      removing_.insert(*it);
      wanted_.erase(it);
    }
    for (const ReplicaId id : core_->removed()) {
      removing_.erase(id.value());
    }
    ++revision_;
    if (prng_.Chance(0.7)) {
      SendFull();
    }
  }

  void SendFull() {
    std::vector<RunReplica> run;
    std::vector<RemoveReplica> remove;
    for (const uint64_t id : wanted_) {
      run.push_back(Wanted(id));
    }
    for (const uint64_t id : removing_) {
      remove.push_back(Removal(id, true));
      ever_removed_.insert(id);
    }
    Assignment a = Full(revision_, std::move(run), std::move(remove));
    sent_.push_back(a);
    core_->Step(AssignmentReceived{.now = now_, .assignment = std::move(a)});
  }

  void List() {
    std::vector<Container> all;
    for (const auto& [id, c] : engine_) {
      all.push_back(c);
    }
    Later(EngineListed{.now = now_, .containers = std::move(all)});
  }

  void Crash() {
    for (auto& [id, c] : engine_) {
      if (c.status == CS::kRunning && !orphans_.contains(id.value()) && prng_.Chance(0.2)) {
        c.status = CS::kExited;
        c.exit_code = 1;
        Later(ContainerChanged{.now = now_, .replica = id, .container = c, .by_hand = false});
        return;
      }
    }
  }

  // Engine news may come late, twice, or not at all; ends of steps always come.
  void Later(Event event) {
    if (!calm_ && !std::holds_alternative<EngineListed>(event) && prng_.Chance(0.3)) {
      return;
    }
    const int copies = !calm_ && prng_.Chance(0.2) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const size_t at = calm_ ? pending_.size() : prng_.Below(pending_.size() + 1);
      pending_.insert(pending_.begin() + static_cast<long>(at), event);
    }
  }

  void Deliver() {
    core_->Step(Tick{now_});
    Take();
    for (size_t n = calm_ ? 1000 : prng_.Below(4); n > 0 && !pending_.empty(); --n) {
      Event event = std::move(pending_.front());
      pending_.pop_front();
      std::visit([this](auto& e) { e.now = now_; }, event);
      core_->Step(event);
      Take();
    }
  }

  void Take() {
    const Ready ready = core_->TakeReady();
    if (ready.held) {
      disk_ = *ready.held;
    }
    for (const Action& action : ready.actions) {
      Execute(action);
    }
    if (ready.need_full) {
      SendFull();
    }
  }

  void Break(const std::string& why) {
    broken_ = true;
    broken_why_ = why;
  }

  void Execute(const Action& action) {
    ActionDone done;
    done.now = now_;
    done.action = action.id;
    const uint64_t id = action.replica.value();
    const auto it = engine_.find(action.replica);
    if (!calm_ && prng_.Chance(0.15)) {
      done.status = prng_.Chance(0.5) ? absl::DeadlineExceededError("slow") : absl::UnavailableError("away");
      if (prng_.Chance(0.5)) {  // it did not happen either
        pending_.push_back(done);
        return;
      }
    }
    switch (action.kind) {
      case Kind::kPull:
        break;
      case Kind::kCreate:
        if (it == engine_.end()) {
          engine_[action.replica] = Box(id, CS::kCreated);
        }
        done.container = engine_[action.replica];
        break;
      case Kind::kStart:
        if (it == engine_.end()) {
          done.status = absl::NotFoundError("no such container");
          break;
        }
        it->second.status = CS::kRunning;
        done.container = it->second;
        break;
      case Kind::kStop:
      case Kind::kRemove:
        if (!ever_removed_.contains(id)) {
          return Break(absl::StrCat("stopped ", id, ", which was in no remove list"));
        }
        if (action.kind == Kind::kRemove) {
          engine_.erase(action.replica);
        } else if (it != engine_.end()) {
          it->second.status = CS::kExited;
          done.container = it->second;
        }
        break;
      case Kind::kInspect:
        if (it != engine_.end()) {
          done.container = it->second;
        }
        break;
    }
    if (!done.status.ok()) {
      done.container.reset();
    }
    pending_.push_back(done);
  }

  Prng prng_;
  Instant now_ = At(1000);
  Epoch epoch_ = Epoch(1);
  uint64_t revision_ = 1;
  uint64_t next_ = 1;
  bool calm_ = false;
  HeldAssignment disk_;
  std::map<ReplicaId, Container> engine_;
  std::deque<Event> pending_;
  std::vector<Assignment> sent_;
  std::set<uint64_t> ever_removed_;
};

TEST(ConvergenceTest, R1_3_AnyLossReorderingAndRepetitionEndsAtTheAssignment) {
#ifdef DROVER_SANITIZED  // slow: they look at memory and threads, not at more seeds
  constexpr uint64_t kSeeds = 15;
#else
  constexpr uint64_t kSeeds = 100;
#endif
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    World world(seed);
    world.Run(400);
    ASSERT_FALSE(world.broken_) << "seed " << seed << ": " << world.broken_why_;
    world.core_->Step(EngineReachable{.now = At(1), .reachable = true, .error = ""});
    world.Calm();
    world.Settle();
    ASSERT_FALSE(world.broken_) << "seed " << seed << ": " << world.broken_why_;
    std::set<uint64_t> expected = world.wanted_;
    expected.insert(world.orphans_.begin(), world.orphans_.end());
    ASSERT_EQ(world.RunningIds(), expected) << "seed " << seed;
    ASSERT_EQ(world.AnyIds(), expected) << "seed " << seed << ": removals are complete";
    ASSERT_EQ(world.core_->unknown().size(), world.orphans_.size()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace drover::agent
