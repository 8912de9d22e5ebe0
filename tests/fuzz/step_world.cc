#include "tests/fuzz/step_world.h"

#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/step_spec.h"

namespace drover::fuzz {
namespace {

using controller::Ready;
using controller::StreamId;

constexpr int kPeers = 4;                                             // the first is an edge
constexpr Instant kEnd = Instant::FromNanoseconds(int64_t{1} << 61);  // about 73 years

}  // namespace

StepWorld::StepWorld(Feed& feed) : feed_(feed), store_(ClusterId("c1")) {
  for (int i = 1; i <= kPeers; ++i) {
    const NodeId id(absl::StrCat("000000000000000", i));
    peers_[id].id = id;
    peers_[id].edge = i == 1;
  }
  Restart();
}

void StepWorld::Restart() {
  epoch_ = Epoch(epoch_.value() + 1);
  core_ = std::make_unique<controller::Core>(
      controller::CoreOptions(), store_.State(),
      controller::CoreStart{.now = now_, .wall = wall_, .epoch = epoch_, .seed = epoch_.value()});
  for (auto& [id, peer] : peers_) {
    peer.stream.reset();
  }
  may_decide_ = true;
  unanswered_ = 0;
  Take();
}

Peer& StepWorld::AnyPeer() {
  return std::next(peers_.begin(), static_cast<std::ptrdiff_t>(feed_.Below(kPeers)))->second;
}

StreamId StepWorld::AnyStream(const Peer& peer) {
  return feed_.Chance(4) || !peer.stream ? StreamId(feed_.Whole()) : *peer.stream;
}

ServiceKey StepWorld::AnyService() {
  return {feed_.Pick<const char*>({"a", "a", "b", "none"}),
          feed_.Pick<const char*>({"work", "web", "db", "none"})};
}

controller::RequestId StepWorld::NextRequest() {
  ++unanswered_;
  return controller::RequestId(++requests_);
}

std::optional<Duration> StepWorld::AnyHold() {
  return feed_.Pick<std::optional<Duration>>(
      {std::nullopt, absl::Seconds(5), absl::Hours(2), absl::Hours(24 * 365 * 5000), absl::Nanoseconds(1)});
}

void StepWorld::Pass(Duration duration) {
  now_ = std::min(now_ + duration, kEnd);
  wall_ += duration;
  core_->Step(controller::Tick{now_, wall_});
}

void StepWorld::PassAny() {
  if (feed_.Chance(12)) {
    wall_ += feed_.Pick({-absl::Hours(1), absl::Hours(1), -absl::Hours(24 * 400), absl::Hours(24 * 3650)});
  }
  Pass(feed_.Pick({absl::Milliseconds(100), absl::Seconds(1), absl::Seconds(5), absl::Seconds(20),
                   absl::Minutes(1), absl::Minutes(10), absl::ZeroDuration(), absl::Nanoseconds(1),
                   absl::Hours(30), absl::Hours(24 * 365 * 3)}));
}

void StepWorld::Hello(Peer& peer) {
  const bool old = feed_.Chance(4);
  const StreamId stream(old ? feed_.Byte() : ++streams_);
  const auto hello = controller::ToCore(MakeHello(feed_, peer, ClusterId("c1")), now_, stream);
  Expect(hello.ok(), "a hello is read");
  may_decide_ = may_decide_ && hello->highest_epoch <= epoch_;
  peer.stream = old && peer.stream ? peer.stream : stream;
  core_->Step(*hello);
}

void StepWorld::Goodbye(Peer& peer) {
  core_->Step(controller::NodeDisconnected{now_, peer.id, AnyStream(peer)});
  if (feed_.Chance(200)) {
    peer.stream.reset();
  }
}

void StepWorld::Tell(const Peer& peer, const v1::Report& report) {
  std::vector<std::string> faults;
  controller::NodeReport event =
      controller::ToCore(report, {.now = now_, .node = peer.id, .stream = AnyStream(peer)}, faults);
  // The wire's translation stops what is no number; the core stands it, too.
  if (!event.queues.empty() && feed_.Chance(4)) {
    event.queues.front().ready = feed_.Real();
    event.queues.front().held = feed_.Real();
  }
  core_->Step(event);
}

// Up to four seconds in which all agents that are connected say what is asked of them.
void StepWorld::Seconds() {
  for (size_t i = 1 + feed_.Below(4); i > 0; --i) {
    Pass(absl::Seconds(1));
    for (auto& [id, peer] : peers_) {
      if (peer.stream) {
        Tell(peer, HonestReport(feed_, peer));
      }
    }
    Take();
  }
}

void StepWorld::ChangeStack() {
  const bool remove = feed_.Chance(24);
  if (remove) {
    core_->Step(controller::RemoveStack{now_, NextRequest(), feed_.Pick<const char*>({"a", "b"}),
                                        feed_.Chance(64), "", ""});
    return;
  }
  const auto spec = controller::ToCore(MakeStack(feed_));
  if (spec.ok()) {
    controller::ApplyStack apply;
    apply.now = now_;
    apply.wall = wall_;
    apply.request = NextRequest();
    apply.spec = *spec;
    apply.dry_run = feed_.Chance(24);
    core_->Step(apply);
  }
}

void StepWorld::Operate() {
  const ServiceKey service = AnyService();
  switch (feed_.Below(4)) {
    case 0:
      return core_->Step(controller::ScaleService{.now = now_,
                                                  .wall = wall_,
                                                  .request = NextRequest(),
                                                  .service = service,
                                                  .replicas = static_cast<int64_t>(feed_.Below(12)) - 1,
                                                  .hold = AnyHold(),
                                                  .forever = feed_.Chance(48),
                                                  .message = "",
                                                  .who = ""});
    case 1:
      return core_->Step(controller::PauseService{now_, wall_, NextRequest(), service, AnyHold(),
                                                  feed_.Chance(128), "", ""});
    case 2:
      return core_->Step(controller::ResumeService{now_, NextRequest(), service, "", ""});
    default:
      const double value = feed_.Real();
      if (controller::IsAmount(value)) {  // the HTTP API refuses others
        core_->Step(controller::PushMetric{now_, NextRequest(), service.stack, "depth", value, "jobs"});
      }
  }
}

void StepWorld::ChangeStore() {
  const bool writable = feed_.Chance(160);
  may_decide_ = may_decide_ && writable;
  core_->Step(controller::StoreHealth{now_, writable, writable ? "" : "disk full"});
}

void StepWorld::Next() {
  switch (feed_.Below(16)) {
    case 0:
    case 1:
      PassAny();
      break;
    case 2:
      Hello(AnyPeer());
      break;
    case 3:
      for (auto& [id, peer] : peers_) {
        Hello(peer);
      }
      break;
    case 4:
      Goodbye(AnyPeer());
      break;
    case 5: {
      const Peer& peer = AnyPeer();
      Tell(peer, OddReport(feed_, peer));
      break;
    }
    case 6: {
      const Peer& peer = AnyPeer();
      Tell(peer, HonestReport(feed_, peer));
      break;
    }
    case 7: {
      const Peer& peer = AnyPeer();
      core_->Step(controller::NeedFull{now_, peer.id, AnyStream(peer)});
      break;
    }
    case 8:
    case 9:
      ChangeStack();
      break;
    case 10:
    case 11:
      Operate();
      break;
    case 12:
      if (feed_.Chance(64)) {
        ChangeStore();
      }
      break;
    case 13:
      if (feed_.Chance(64)) {
        Restart();
      }
      break;
    default:
      Seconds();
  }
  if (!feed_.Chance(48)) {
    Take();
  }
}

void StepWorld::Finish() {
  constexpr int kRounds = 20;
  Take();
  Ready ready = core_->TakeReady();
  for (int i = 0; i < kRounds && *ready.wake_at <= now_; ++i) {
    ready = core_->TakeReady();
  }
  Expect(*ready.wake_at > now_, "the core comes to rest while no time passes");
  Expect(ready.changes.empty() && ready.orders.empty() && ready.replies.empty(),
         "nothing is told, no time passes: nothing new is wanted");
}

void StepWorld::Take() {
  const Ready ready = core_->TakeReady();
  Expect(ready.wake_at.has_value(), "there is always a next wake-up");
  Expect(ready.replies.size() == unanswered_, "every request is answered once");
  unanswered_ = 0;
  checks_.OnChanges(ready, store_);
  checks_.OnHistory(ready);
  store_.Apply(ready.changes);
  checks_.OnOrders(ready, store_, epoch_, peers_);
  if (ready.view && may_decide_) {
    checks_.OnView(*ready.view);
  }
  CarryOut(ready);
}

void StepWorld::CarryOut(const Ready& ready) {
  for (const controller::Order& order : ready.orders) {
    Peer& peer = peers_.at(order.node);
    if (peer.stream != order.stream) {
      continue;
    }
    if (const auto* assignment = std::get_if<controller::Assignment>(&order.body)) {
      peer.Obey(*assignment);
    } else if (const auto* probes = std::get_if<controller::ProbeAssignment>(&order.body)) {
      peer.probes = probes->probes;
    } else if (const auto* sets = std::get_if<controller::BackendSets>(&order.body)) {
      peer.sets = sets->sets;
    } else if (std::holds_alternative<controller::Refuse>(order.body)) {
      peer.stream.reset();
    }
  }
}

}  // namespace drover::fuzz
