#include "tests/sim/host.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/bridge.h"
#include "tests/sim/world.h"

namespace drover::sim {

using controller::StreamId;

namespace {

constexpr Duration kListEvery = absl::Seconds(30);
constexpr Duration kProbeEvery = absl::Milliseconds(500);
constexpr Duration kReportEvery = absl::Seconds(1);
constexpr Duration kReportSoon = absl::Milliseconds(100);
constexpr Duration kSampleAge = absl::Milliseconds(100);
constexpr Duration kFrozenIsDead = absl::Seconds(20);
constexpr Duration kEngineDeadline = absl::Seconds(20);  // of a list that hangs
constexpr size_t kLateOrders = 8;

const char* Name(agent::Action::Kind kind) {
  switch (kind) {
    case agent::Action::Kind::kPull:
      return "pull";
    case agent::Action::Kind::kCreate:
      return "create";
    case agent::Action::Kind::kStart:
      return "start";
    case agent::Action::Kind::kStop:
      return "stop";
    case agent::Action::Kind::kRemove:
      return "remove";
    case agent::Action::Kind::kInspect:
      return "inspect";
  }
  return "?";
}

}  // namespace

Host::Host(World* world, int index)
    : world_(world),
      index_(index),
      node_(HexId(static_cast<uint64_t>(index) + 1)),
      prng_(Prng(world->options.seed).Split(absl::StrCat("host", index))),
      booted_(Instant::FromNanoseconds(0) - absl::Hours(index + 1)),
      engine_(world, index, [this](ReplicaId id, bool by_hand) { OnContainerChanged(id, by_hand); }) {
  if (index < world->options.edges) {
    edge_.emplace(world, index);
  }
}

std::string Host::name() const { return absl::StrCat("host", index_); }

Instant Host::LocalNow() const {
  return Instant::FromNanoseconds(absl::ToInt64Nanoseconds(world_->queue.now() - booted_));
}

// ---- the process ------------------------------------------------------------------------------------

void Host::OnProcess(uint64_t process, std::function<void()> run) {
  if (core_ == nullptr || process != process_) {
    return;
  }
  if (frozen_) {
    deferred_.emplace_back(process, std::move(run));
    return;
  }
  run();
}

void Host::Later(Duration delay, std::function<void()> run) {
  world_->queue.After(delay, [this, process = process_, run = std::move(run)] { OnProcess(process, run); });
}

template <typename E>
void Host::Step(E event) {
  event.now = LocalNow();
  core_->Step(event);
  Carry(core_->TakeReady());
}

void Host::StartAgent() {
  if (core_ != nullptr || dead_) {
    return;
  }
  world_->trace.Add(name(), "agent starts");
  ++process_;
  able_since_ = world_->queue.now();
  agent::CoreOptions options;
  options.boot_id = absl::StrCat("boot", boots_);
  core_ = std::make_unique<agent::Core>(options, disk_, LocalNow());
  listed_ = false;
  frozen_ = false;
  stream_ = StreamId(0);
  welcomed_ = false;
  connecting_ = false;
  stops_.clear();
  notices_.clear();
  probed_.clear();
  wake_.reset();
  report_soon_ = false;
  cpu_.clear();
  probes_.clear();
  ListLoop();
  ProbeLoop();
  Later(kReportEvery * prng_.Uniform(), [this] { ReportLoop(); });
}

void Host::CrashAgent() {
  if (core_ == nullptr) {
    return;
  }
  world_->trace.Add(name(), "agent crashes");
  core_.reset();
  deferred_.clear();
  if (stream_ != StreamId(0)) {
    world_->network->CloseByAgent(stream_);
    stream_ = StreamId(0);
  }
  welcomed_ = false;
}

void Host::Freeze(Duration length) {
  if (core_ == nullptr || frozen_) {
    return;
  }
  world_->trace.Add(name(), absl::StrCat("agent frozen for ", absl::FormatDuration(length)));
  frozen_ = true;
  const uint64_t process = process_;
  if (length > kFrozenIsDead) {
    world_->queue.After(kFrozenIsDead, [this, process, stream = stream_] {
      if (process == process_ && frozen_ && stream == stream_ && stream != StreamId(0)) {
        world_->network->CloseByController(stream);
        world_->controller->OnStreamClosed(index_, stream);
      }
    });
  }
  world_->queue.After(length, [this, process] {
    if (process != process_ || core_ == nullptr) {
      return;
    }
    frozen_ = false;
    able_since_ = world_->queue.now();
    while (!deferred_.empty() && core_ != nullptr) {
      const auto [of, run] = std::move(deferred_.front());
      deferred_.pop_front();
      OnProcess(of, run);
    }
  });
}

void Host::Reboot() {
  if (dead_) {
    return;
  }
  world_->trace.Add(name(), "reboots");
  CrashAgent();
  engine_.Reboot();
  ++boots_;
  booted_ = world_->queue.now();
  if (edge_) {
    edge_->Restart();
  }
}

void Host::Die() {
  world_->trace.Add(name(), "is gone for good");
  CrashAgent();
  engine_.Reboot();
  world_->network->SetLink(index_, false, false);
  dead_ = true;
}

void Host::SetEngineAway(bool away) {
  if (dead_) {
    return;
  }
  world_->trace.Add(name(), away ? "engine goes away" : "engine is back");
  engine_.SetAway(away);
  able_since_ = world_->queue.now();
  Later(absl::Seconds(1), [this] { TellEngine(); });
}

void Host::HangEngine(Duration length) {
  if (dead_ || engine_.hangs()) {
    return;
  }
  world_->trace.Add(name(), absl::StrCat("engine hangs for ", absl::FormatDuration(length)));
  engine_.SetHangs(true);
  Later(kEngineDeadline, [this] { TellEngine(); });
  world_->queue.After(length, [this] { MendEngine(); });
}

void Host::MendEngine() {
  engine_.SetHangs(false);
  SetEngineAway(false);
}

void Host::TellEngine() {
  Step(agent::EngineReachable{.now = {}, .reachable = !engine_.away(), .error = "connection refused"});
  List();
}

void Host::Carry(agent::Ready ready) {
  if (ready.held) {
    world_->checks.OnHeld(*world_, *this, disk_, *ready.held);
    disk_ = *std::move(ready.held);
  }
  for (const agent::Action& action : ready.actions) {
    world_->trace.Add(name(), absl::StrCat(Name(action.kind), " ", ToString(action.replica)));
    Execute(action);
  }
  for (agent::StopResult& stop : ready.stops) {
    stops_[stop.replica] = std::move(stop);
  }
  for (agent::Notice& notice : ready.notices) {
    world_->trace.Add(name(), absl::StrCat("notice ", notice.reason, ": ", notice.message));
    notices_.push_back(std::move(notice));
  }
  if (ready.need_full && welcomed_) {
    world_->network->SendUp(stream_, [this, stream = stream_] {
      world_->controller->Post(controller::NeedFull{.now = {}, .node = node_, .stream = stream});
    });
  }
  if (ready.report_now) {
    ReportSoon();
  }
  if (ready.wake_at) {
    WakeAt(*ready.wake_at);
  }
}

void Host::WakeAt(Instant local) {
  if (wake_ && *wake_ <= local && *wake_ > LocalNow()) {
    return;
  }
  wake_ = local;
  Later(local - LocalNow(), [this, local] {
    if (wake_ == local) {
      wake_.reset();
      Step(agent::Tick{});
    }
  });
}

// ---- engine -----------------------------------------------------------------------------------------

void Host::Execute(const agent::Action& action) {
  const uint64_t process = process_;
  world_->checks.stops.OnAction(*world_, *this, action);
  engine_.Execute(action, disk_.cluster, [this, process](const agent::ActionDone& done) {
    OnProcess(process, [this, done] { Step(done); });
  });
}

void Host::List() {
  if (engine_.away()) {
    return;
  }
  // As it is now; the agent reads it a moment later.
  agent::EngineListed listed;
  listed.containers = engine_.List();
  Later(absl::Milliseconds(20) * prng_.Uniform(), [this, listed = std::move(listed)] {
    Step(listed);
    if (!std::exchange(listed_, true)) {
      ConnectLater();
    }
  });
}

void Host::ListLoop() {
  List();
  Later(listed_ ? kListEvery : absl::Seconds(1), [this] { ListLoop(); });
}

void Host::OnContainerChanged(ReplicaId id, bool by_hand) {
  if (world_->faults && prng_.Chance(world_->options.event_loss)) {
    return;
  }
  Later(absl::Milliseconds(10) * prng_.Uniform(), [this, id, by_hand] {
    if (engine_.away()) {
      return;
    }
    agent::ContainerChanged changed;
    changed.replica = id;
    changed.by_hand = by_hand;
    if (const auto it = engine_.boxes().find(id); it != engine_.boxes().end()) {
      changed.container = it->second.container;
    }
    Step(changed);
  });
}

void Host::ProbeLoop() {
  for (const agent::ReplicaStatus& status : core_->replicas()) {
    const auto box = engine_.boxes().find(status.id);
    const bool ready = status.probe_ready && box != engine_.boxes().end() && engine_.IsReady(box->second);
    const auto last = probed_.find(status.id);
    if (!status.probe_ready) {
      probed_.erase(status.id);
    } else if (last == probed_.end() || last->second != ready) {
      probed_[status.id] = ready;
      Step(agent::ReadyProbed{.now = {}, .replica = status.id, .ready = ready, .detail = ""});
    }
  }
  Later(kProbeEvery, [this] { ProbeLoop(); });
}

// ---- controller -------------------------------------------------------------------------------------

void Host::ConnectLater() {
  if (std::exchange(connecting_, true)) {
    return;
  }
  Later(absl::Milliseconds(200) + absl::Seconds(2) * prng_.Uniform(), [this] {
    connecting_ = false;
    Connect();
  });
}

void Host::Connect() {
  if (stream_ != StreamId(0)) {
    return;
  }
  stream_ = world_->network->Connect(index_);
  if (stream_ == StreamId(0)) {
    ConnectLater();
    return;
  }
  world_->network->SendUp(stream_, [this, hello = Hello()] { world_->controller->OnHello(index_, hello); });
}

controller::NodeConnected Host::Hello() const {
  controller::NodeConnected hello;
  hello.node = node_;
  hello.stream = stream_;
  hello.name = name();
  hello.cluster = disk_.cluster;
  hello.boot_id = absl::StrCat("boot", boots_);
  hello.engine_id = absl::StrCat("engine", index_);
  hello.highest_epoch = disk_.highest_epoch;
  hello.applied_epoch = disk_.epoch;
  hello.applied_revision = disk_.revision;
  hello.capacity = {MilliCpu(4000), Bytes(8LL << 30)};
  hello.address = absl::StrCat("10.0.0.", index_ + 1);
  hello.port_first = 20000;
  hello.port_last = 20029;
  hello.edge = edge_.has_value();
  for (const auto& [id, box] : engine_.boxes()) {
    hello.found.push_back(ToFound(box.container));
  }
  hello.sent = LocalNow();
  return hello;
}

void Host::OnStreamClosed(StreamId stream) {
  OnProcess(process_, [this, stream] {
    if (stream != stream_) {
      return;
    }
    stream_ = StreamId(0);
    if (std::exchange(welcomed_, false)) {
      Step(agent::ControllerDisconnected{});
    }
    ConnectLater();
  });
}

void Host::OnHeartbeat(StreamId stream) {
  OnProcess(process_, [this, stream] {
    if (stream == stream_ && welcomed_) {
      Step(agent::ControllerHeard{});
    }
  });
}

void Host::OnOrder(StreamId stream, const controller::Order& order) {
  OnProcess(process_, [this, stream, order] {
    if (stream != stream_) {
      return;
    }
    if (const auto* welcome = std::get_if<controller::Welcome>(&order.body)) {
      welcomed_ = true;
      Step(agent::ControllerConnected{.now = {}, .cluster = welcome->cluster, .epoch = welcome->epoch});
      Report();
    } else if (const auto* refuse = std::get_if<controller::Refuse>(&order.body)) {
      world_->trace.Add(name(), absl::StrCat("refused: ", refuse->message));
      world_->network->CloseByAgent(stream_);
      stream_ = StreamId(0);
      welcomed_ = false;
      ConnectLater();
    } else if (const auto* assignment = std::get_if<controller::Assignment>(&order.body)) {
      OnAssignment(*assignment);
    } else if (const auto* probes = std::get_if<controller::ProbeAssignment>(&order.body)) {
      probes_ = probes->probes;
    } else if (const auto* sets = std::get_if<controller::BackendSets>(&order.body)) {
      if (edge_) {
        edge_->SetDesired(*sets);
      }
    }
  });
}

// Within a stream order holds; what an older stream carried may be read after a newer one.
void Host::OnAssignment(const controller::Assignment& assignment) {
  agent::AssignmentReceived received;
  received.assignment = ToAgent(assignment, world_->registry);
  assignments_.push_back(received.assignment);
  if (assignments_.size() > kLateOrders) {
    assignments_.pop_front();
  }
  Step(std::move(received));
  if (world_->faults && prng_.Chance(world_->options.late_order)) {
    agent::AssignmentReceived late;
    late.assignment = assignments_[prng_.Below(assignments_.size())];
    world_->trace.Add(name(), absl::StrCat("an order of epoch ", late.assignment.epoch.value(), " revision ",
                                           late.assignment.revision.value(), " comes late"));
    Step(std::move(late));
  }
}

void Host::ReportLoop() {
  Report();
  Later(kReportEvery, [this] { ReportLoop(); });
}

void Host::ReportSoon() {
  if (!std::exchange(report_soon_, true)) {
    Later(kReportSoon, [this] {
      if (report_soon_) {
        Report();
      }
    });
  }
}

void Host::Report() {
  if (!welcomed_ || !listed_) {
    return;
  }
  report_soon_ = false;
  controller::NodeReport report;
  report.node = node_;
  report.stream = stream_;
  report.sent = LocalNow();
  report.full = true;
  report.applied_epoch = core_->held().epoch;
  report.applied_revision = core_->held().revision;
  AddSamples(report);
  AddQueues(report);
  if (edge_) {
    edge_->Serve();
    report.edge = edge_->Status();
  }
  std::erase_if(stops_, [&](const auto& entry) {
    return std::none_of(disk_.remove.begin(), disk_.remove.end(),
                        [&](const agent::RemoveReplica& r) { return r.id == entry.first; });
  });
  for (const auto& [id, stop] : stops_) {
    report.stops.push_back(ToController(stop));
  }
  for (const agent::Notice& notice : std::exchange(notices_, {})) {
    report.notices.push_back(ToController(notice));
  }
  for (const agent::UnknownReplica& unknown : core_->unknown()) {
    report.unknown.push_back(ToFound(unknown.container));
  }
  report.removed = core_->removed();
  world_->network->SendUp(stream_,
                          [this, report = std::move(report)] { world_->controller->OnReport(report); });
}

void Host::StickSampler(Duration length) {
  if (cpu_stuck_) {
    return;
  }
  world_->trace.Add(name(), absl::StrCat("CPU is not sampled for ", absl::FormatDuration(length)));
  cpu_stuck_ = world_->queue.now();
  world_->queue.After(length, [this] { cpu_stuck_.reset(); });
}

void Host::AddSamples(controller::NodeReport& report) {
  for (const agent::ReplicaStatus& status : core_->replicas()) {
    if (status.handle == 0) {
      continue;
    }
    controller::ReplicaSample sample = ToSample(status);
    const auto box = engine_.boxes().find(status.id);
    if (box != engine_.boxes().end() && box->second.container.status == agent::Container::Status::kRunning) {
      if (!cpu_stuck_) {
        cpu_[status.id] = world_->load->CpuOf(*this, box->second);
      }
      if (const auto cpu = cpu_.find(status.id); cpu != cpu_.end()) {
        sample.cpu_milli = cpu->second;
      }
      sample.memory_bytes = 100 << 20;
      if (box->second.container.service == "worker") {
        sample.busy = world_->load->JobsOf(box->second);
      }
      sample.age = kSampleAge + (cpu_stuck_ ? world_->queue.now() - *cpu_stuck_ : absl::ZeroDuration());
    }
    report.replicas.push_back(sample);
    report.details.push_back(ToDetail(status, LocalNow()));
  }
}

void Host::AddQueues(controller::NodeReport& report) const {
  for (const controller::Probe& probe : probes_) {
    const Load::Broker broker = world_->load->broker();
    if (probe.standby || broker == Load::Broker::kHangs) {
      continue;
    }
    controller::QueueReading reading;
    reading.probe = probe.handle;
    reading.term = probe.term;
    reading.age = kSampleAge;
    if (broker == Load::Broker::kRefuses) {
      reading.error = "redis: connection refused";
    } else {
      reading.ready = world_->load->depth() - world_->load->held();
      reading.held = world_->load->held();
    }
    report.queues.push_back(std::move(reading));
  }
}

}  // namespace drover::sim
