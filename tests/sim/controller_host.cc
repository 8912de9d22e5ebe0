#include "tests/sim/controller_host.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {

using controller::StreamId;

namespace {

constexpr Duration kBatch = absl::Milliseconds(1);
constexpr Duration kTickEvery = absl::Seconds(1);
constexpr Duration kHeartbeatEvery = absl::Seconds(2);
constexpr size_t kCopies = 4;
constexpr int64_t kWallStart = 1700000000;

void SetNow(controller::Event& event, Instant now, absl::Time wall) {
  std::visit(
      [&](auto& e) {
        e.now = now;
        if constexpr (requires { e.wall; }) {
          e.wall = wall;
        }
      },
      event);
}

}  // namespace

ControllerHost::ControllerHost(World* world)
    : world_(world), prng_(Prng(world->options.seed).Split("controller")) {
  store_.cluster = ClusterId("simulated");
}

Instant ControllerHost::LocalNow() const { return world_->queue.now() + absl::Hours(7); }

absl::Time ControllerHost::Wall() const {
  return absl::FromUnixSeconds(kWallStart) + wall_step_ +
         absl::Nanoseconds(world_->queue.now().nanoseconds());
}

void ControllerHost::OnProcess(std::function<void()> run) {
  if (core_ == nullptr) {
    return;
  }
  if (frozen_) {
    deferred_.push_back(std::move(run));
    return;
  }
  run();
}

void ControllerHost::Start() {
  if (core_ != nullptr) {
    return;
  }
  copies_.push_back(store_);
  if (copies_.size() > kCopies) {
    copies_.pop_front();
  }
  Launch();
}

void ControllerHost::Launch() {
  store_.epoch = Epoch(store_.epoch.value() + 1);
  ++process_;
  world_->trace.Add("controller", absl::StrCat("starts, cluster ", store_.cluster.value(), " epoch ",
                                               store_.epoch.value()));
  core_ = std::make_unique<controller::Core>(
      controller::CoreOptions{}, store_.State(),
      controller::CoreStart{.now = LocalNow(), .wall = Wall(), .epoch = store_.epoch, .seed = prng_.Next()});
  frozen_ = false;
  tick_at_ = LocalNow();
  RunAt(world_->queue.now());
  HeartbeatLoop();
}

void ControllerHost::Crash() {
  if (core_ == nullptr) {
    return;
  }
  world_->trace.Add("controller", "crashes");
  core_.reset();
  ++process_;
  deferred_.clear();
  inbox_.clear();
  pending_.reset();
  store_failing_ = false;
  run_at_.reset();
  view_.reset();
  streams_.clear();
  newest_.clear();
  world_->network->ControllerDied();
  world_->checks.OnControllerEnd();
}

void ControllerHost::Freeze(Duration length) {
  if (core_ == nullptr || frozen_) {
    return;
  }
  world_->trace.Add("controller", absl::StrCat("frozen for ", absl::FormatDuration(length)));
  frozen_ = true;
  world_->queue.After(length, [this, process = process_] {
    if (process != process_ || core_ == nullptr) {
      return;
    }
    frozen_ = false;
    while (!deferred_.empty() && core_ != nullptr) {
      const auto run = std::move(deferred_.front());
      deferred_.pop_front();
      run();
    }
  });
}

bool ControllerHost::StartOnOtherStore(bool empty) {
  if (on_other_store() || (!empty && EpochOfOldStore() >= store_.epoch)) {
    return false;
  }
  Crash();
  other_ = store_;
  store_ = empty ? Store{} : copies_.front();
  if (empty) {
    store_.cluster = ClusterId("another");
  }
  Launch();
  return true;
}

Epoch ControllerHost::EpochOfOldStore() const { return Epoch(copies_.front().epoch.value() + 1); }

void ControllerHost::RestoreStore() {
  Crash();
  store_ = *std::exchange(other_, std::nullopt);
  Start();
}

void ControllerHost::FillDisk(Duration length) {
  world_->trace.Add("controller", absl::StrCat("its disk is full for ", absl::FormatDuration(length)));
  disk_full_until_ = world_->queue.now() + length;
}

void ControllerHost::StepWall(Duration step) {
  world_->trace.Add("controller", absl::StrCat("its wall clock steps by ", absl::FormatDuration(step)));
  wall_step_ += step;
}

// ---- in ---------------------------------------------------------------------------------------------

void ControllerHost::OnHello(int host, controller::NodeConnected hello) {
  OnProcess([this, host, hello = std::move(hello)] {
    streams_[hello.stream] = host;
    Post(hello);
  });
}

void ControllerHost::OnReport(controller::NodeReport report) {
  OnProcess([this, report = std::move(report)] { Post(report); });
}

void ControllerHost::OnStreamClosed(int host, StreamId stream) {
  OnProcess([this, host, stream] {
    if (streams_.erase(stream) > 0) {
      Post(controller::NodeDisconnected{.now = {}, .node = world_->host(host).node(), .stream = stream});
    }
  });
}

void ControllerHost::Post(controller::Event event) {
  OnProcess([this, event = std::move(event)]() mutable {
    SetNow(event, LocalNow(), Wall());
    inbox_.push_back(std::move(event));
    RunAt(world_->queue.now() + kBatch);
  });
}

void ControllerHost::Ask(controller::Event event) {
  world_->checks.words.OnAsked(world_->queue.now());
  std::visit(
      [this](auto& e) {
        if constexpr (requires { e.request; }) {
          e.request = controller::RequestId(++last_request_);
        }
      },
      event);
  Post(std::move(event));
}

// ---- the loop ---------------------------------------------------------------------------------------

void ControllerHost::RunAt(Instant at) {
  if (run_at_ && *run_at_ <= at) {
    return;
  }
  run_at_ = at;
  world_->queue.At(at, [this, at, process = process_] {
    if (process == process_ && run_at_ == at) {
      run_at_.reset();
      OnProcess([this] { Run(); });
    }
  });
}

void ControllerHost::Run() {
  for (controller::Event& event : std::exchange(inbox_, {})) {
    if (const auto* hello = std::get_if<controller::NodeConnected>(&event)) {
      newest_[hello->node] = hello->stream;
    }
    // The core believes no older stream of a node than the last one (event.h).
    const auto* report = std::get_if<controller::NodeReport>(&event);
    if (report != nullptr && !on_other_store() && newest_[report->node] == report->stream) {
      world_->checks.OnReport(*world_, *world_->FindHost(report->node), *report);
    }
    core_->Step(event);
  }
  if (LocalNow() >= tick_at_) {
    core_->Step(controller::Tick{.now = LocalNow(), .wall = Wall()});
    tick_at_ = LocalNow() + kTickEvery;
  }
  if (!pending_) {
    controller::Ready ready = core_->TakeReady();
    tick_at_ = std::min(tick_at_, ready.wake_at.value_or(tick_at_));
    if (!on_other_store()) {
      world_->checks.OnTaken(*world_, ready);
    }
    if (ready.changes.empty()) {
      Effects(std::move(ready), std::nullopt);
    } else {
      pending_ = std::move(ready);
      CommitLater(absl::Milliseconds(1) + absl::Milliseconds(4) * prng_.Uniform());
    }
  }
  if (core_ != nullptr) {
    RunAt(world_->queue.now() + std::max(tick_at_ - LocalNow(), kBatch));
  }
}

void ControllerHost::CommitLater(Duration delay) {
  world_->queue.After(delay, [this, process = process_] {
    if (process == process_) {
      OnProcess([this] { Commit(); });
    }
  });
}

void ControllerHost::Commit() {
  const bool crash = world_->faults && prng_.Chance(world_->options.crash_at_commit);
  const uint64_t point = crash ? prng_.Below(3) : 3;
  if (point == 0) {  // before it is durable
    Crash();
    return;
  }
  const bool full = world_->queue.now() < disk_full_until_;
  if (world_->faults && (full || prng_.Chance(world_->options.commit_error))) {
    if (!std::exchange(store_failing_, true)) {
      world_->trace.Add("controller", "the store fails");
      core_->Step(controller::StoreHealth{.now = LocalNow(), .writable = false, .error = "disk full"});
    }
    CommitLater(absl::Seconds(5) * prng_.Uniform());
    return;
  }
  if (std::exchange(store_failing_, false)) {
    core_->Step(controller::StoreHealth{.now = LocalNow(), .writable = true, .error = ""});
  }
  controller::Ready ready = *std::exchange(pending_, std::nullopt);
  if (!on_other_store()) {
    world_->checks.OnCommit(*world_, ready.changes);
  }
  store_.Apply(ready.changes);
  if (!on_other_store()) {
    world_->checks.OnCommitted(*world_);
  }
  std::optional<size_t> crash_after;
  if (crash) {
    crash_after = point == 1 ? 0 : prng_.Below(ready.orders.size() + 1);
  }
  Effects(std::move(ready), crash_after);
  if (core_ != nullptr) {
    RunAt(world_->queue.now() + kBatch);
  }
}

void ControllerHost::Effects(controller::Ready ready, std::optional<size_t> crash_after) {
  size_t sent = 0;
  for (controller::Order& order : ready.orders) {
    if (crash_after == sent) {
      break;
    }
    ++sent;
    Send(std::move(order));
  }
  if (crash_after) {
    Crash();
    return;
  }
  for (const controller::EventRecord& event : ready.events) {
    world_->trace.Add("controller", absl::StrCat(event.reason, ": ", event.message));
  }
  if (ready.view) {
    view_ = ready.view;
    if (!on_other_store()) {
      world_->checks.OnView(*world_, *view_);
    }
  }
  for (const controller::Reply& reply : ready.replies) {
    world_->people->OnReply(reply);
  }
}

void ControllerHost::TraceSets(const Host& host, const controller::BackendSets& sets) {
  std::string text = absl::StrCat("routes on ", host.name(), " revision ", sets.revision.value(), ":");
  for (const controller::BackendSet& set : sets.sets) {
    for (const controller::Backend& backend : set.backends) {
      absl::StrAppend(&text, " ", ToString(backend.replica), backend.drain ? "(drain)" : "");
    }
  }
  world_->trace.Add("controller", text);
}

void ControllerHost::Send(controller::Order order) {
  const auto it = streams_.find(order.stream);
  if (it == streams_.end()) {
    return;
  }
  Host& host = world_->host(it->second);
  if (!on_other_store()) {
    world_->checks.OnOrder(*world_, host, order);
  }
  if (const auto* sets = std::get_if<controller::BackendSets>(&order.body)) {
    TraceSets(host, *sets);
  }
  if (std::holds_alternative<controller::Welcome>(order.body)) {
    CloseOlder(it->second, order.stream);
  }
  const StreamId stream = order.stream;
  world_->network->SendDown(stream,
                            [&host, stream, order = std::move(order)] { host.OnOrder(stream, order); });
}

// As the server does: one live stream per node.
void ControllerHost::CloseOlder(int host, StreamId newest) {
  std::vector<StreamId> older;
  for (const auto& [stream, of] : streams_) {
    if (of == host && stream != newest) {
      older.push_back(stream);
    }
  }
  for (const StreamId stream : older) {
    world_->network->CloseByController(stream);
    OnStreamClosed(host, stream);
  }
}

void ControllerHost::HeartbeatLoop() {
  for (const auto& [stream, index] : streams_) {
    Host& host = world_->host(index);
    world_->network->SendDown(stream, [&host, stream = stream] { host.OnHeartbeat(stream); });
  }
  world_->queue.After(kHeartbeatEvery, [this, process = process_] {
    if (process == process_) {
      OnProcess([this] { HeartbeatLoop(); });
    }
  });
}

}  // namespace drover::sim
