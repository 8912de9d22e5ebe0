#include "tests/sim/engine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace drover::sim {

using agent::Action;
using agent::ActionDone;
using agent::Container;
using Kind = agent::Action::Kind;
using Status = agent::Container::Status;

namespace {

constexpr Duration kCallDeadline = absl::Seconds(20);
constexpr int32_t kKilled = 137;

Duration Between(Prng& prng, Duration low, Duration high) { return low + (high - low) * prng.Uniform(); }

}  // namespace

Engine::Engine(World* world, int host, Changed changed)
    : world_(world),
      host_(host),
      changed_(std::move(changed)),
      prng_(Prng(world->options.seed).Split(absl::StrCat("engine", host))) {}

Duration Engine::GraceOf(const Action& action) const {
  const auto it = boxes_.find(action.replica);
  if (action.grace != absl::ZeroDuration() || it == boxes_.end()) {
    return action.grace;
  }
  return world_->registry.at(it->second.container.spec_hash).stop_grace;
}

Duration Engine::StopTime(const Action& action) {
  const Duration grace = GraceOf(action);
  const auto it = boxes_.find(action.replica);
  // A worker ends its job first, which may take longer than its grace.
  const Duration work = it != boxes_.end() && it->second.container.service == "worker"
                            ? Between(prng_, absl::Milliseconds(100), grace * 1.2)
                            : Between(prng_, absl::Milliseconds(50), absl::Seconds(1));
  return std::min(work, grace);
}

Duration Engine::Latency(const Action& action) {
  switch (action.kind) {
    case Kind::kPull:
      if (images_.contains(action.image_id)) {
        return absl::Milliseconds(10);
      }
      return Between(prng_, absl::Milliseconds(500), absl::Seconds(5));
    case Kind::kCreate:
      return Between(prng_, absl::Milliseconds(50), absl::Milliseconds(200));
    case Kind::kStart:
      return Between(prng_, absl::Milliseconds(100), absl::Milliseconds(500));
    case Kind::kStop:
      return StopTime(action);
    case Kind::kRemove:
      return Between(prng_, absl::Milliseconds(20), absl::Milliseconds(200));
    case Kind::kInspect:
      return Between(prng_, absl::Milliseconds(1), absl::Milliseconds(10));
  }
  return {};
}

void Engine::Execute(const Action& action, const ClusterId& cluster, const Done& done) {
  const uint64_t boot = boot_;
  const auto finish = [this, boot, action, cluster, done](Duration took, const absl::Status& status,
                                                          bool happens) {
    if (boot == boot_) {
      Finish(action, cluster, took, done, status, happens);
    }
  };
  const auto later = [this, finish](Duration took, const absl::Status& status, bool happens) {
    world_->queue.After(took, [=] { finish(took, status, happens); });
  };
  if (away_) {
    later(absl::Milliseconds(1), absl::UnavailableError("connection refused"), false);
  } else if (hangs_ || (world_->faults && prng_.Chance(world_->options.engine_stall))) {
    later(kCallDeadline, absl::DeadlineExceededError("no answer within 20s"), prng_.Chance(0.5));
  } else if (world_->faults && prng_.Chance(world_->options.engine_error)) {
    later(Latency(action), absl::InternalError("the engine failed"), prng_.Chance(0.3));
  } else {
    later(Latency(action), absl::OkStatus(), true);
  }
}

void Engine::Finish(const Action& action, const ClusterId& cluster, Duration took, const Done& done,
                    absl::Status status, bool happens) {
  if (action.kind == Kind::kStop && !status.ok()) {
    stops_since_ = world_->queue.now();
  }
  if (hangs_ && status.ok()) {  // began before the engine hung
    world_->queue.After(kCallDeadline, [=, this, boot = boot_] {
      if (boot == boot_) {
        Finish(action, cluster, took, done, absl::DeadlineExceededError("no answer within 20s"), happens);
      }
    });
    return;
  }
  ActionDone result;
  result.action = action.id;
  result.took = took;
  const auto it = boxes_.find(action.replica);
  if (!happens) {
    result.status = std::move(status);
    return done(std::move(result));
  }
  switch (action.kind) {
    case Kind::kPull:
      images_[action.image_id] = true;
      break;
    case Kind::kCreate:
      Create(action, cluster, result);
      break;
    case Kind::kStart:
      if (it == boxes_.end()) {
        result.status = absl::NotFoundError("no such container");
      } else if (it->second.container.status != Status::kRunning) {
        Start(it->second);
      }
      break;
    case Kind::kStop:
      if (it != boxes_.end() && it->second.container.status == Status::kRunning) {
        Exit(it->second, took >= GraceOf(action) ? kKilled : 0, false);
      }
      break;
    case Kind::kRemove:
      if (it != boxes_.end() && it->second.container.status == Status::kRunning) {
        result.status = absl::FailedPreconditionError("the container runs");
      } else if (it != boxes_.end()) {
        boxes_.erase(it);
        changed_(action.replica, false);
      }
      break;
    case Kind::kInspect:
      break;
  }
  if (const auto box = boxes_.find(action.replica); box != boxes_.end()) {
    result.container = box->second.container;
  }
  if (!status.ok()) {  // it happened, but nobody heard of it
    result.status = std::move(status);
    result.container.reset();
  }
  done(std::move(result));
}

void Engine::Create(const Action& action, const ClusterId& cluster, ActionDone& done) {
  if (boxes_.contains(action.replica)) {
    return;
  }
  const agent::ServiceContext& spec = world_->registry.at(action.spec_hash);
  const std::string name = absl::StrCat(spec.stack, "-", spec.service, "-", action.number);
  for (const auto& [id, box] : boxes_) {
    if (box.container.name == name) {
      done.status = absl::AlreadyExistsError(absl::StrCat(name, " is in use"));
      done.reason = "NameConflict";
      return;
    }
  }
  Box& box = boxes_[action.replica];
  Container& c = box.container;
  c.id = absl::StrCat("h", host_, "c", next_container_++);
  c.name = name;
  c.replica = action.replica;
  c.cluster = cluster;
  c.stack = spec.stack;
  c.service = spec.service;
  c.spec_hash = action.spec_hash;
  c.address = absl::StrCat("172.17.", host_, ".", next_container_);
  world_->checks.identity.OnContainer(host_, action.replica);
}

void Engine::Start(Box& box) {
  const agent::ServiceContext& spec = world_->registry.at(box.container.spec_hash);
  ++box.run;
  box.container.status = Status::kRunning;
  box.container.exit_code = 0;
  box.container.oom_killed = false;
  box.container.pid = 100;
  const Duration warm = Between(prng_, absl::Milliseconds(200), absl::Seconds(3));
  box.ready_at = world_->queue.now() + warm;
  const ReplicaId id = box.container.replica;
  const uint64_t run = box.run;
  box.sick_until = Instant();
  world_->checks.alone.OnStarted(*world_, world_->host(host_), box);
  if (spec.has_healthcheck) {
    box.container.health = "starting";
    world_->queue.After(warm, [=, this] { JudgeHealth(id, run); });
  }
  if (spec.task) {
    const Duration work = Between(prng_, absl::Seconds(1), absl::Seconds(10));
    world_->queue.After(work, [=, this] {
      const auto it = boxes_.find(id);
      if (it != boxes_.end() && it->second.run == run) {
        Exit(it->second, 0, false);
      }
    });
  }
  changed_(id, false);
}

void Engine::JudgeHealth(ReplicaId id, uint64_t run) {
  const auto it = boxes_.find(id);
  if (it != boxes_.end() && it->second.run == run) {
    it->second.container.health = IsReady(it->second) ? "healthy" : "unhealthy";
    changed_(id, false);
  }
}

bool Engine::MakeUnhealthy(const std::string& service, Duration length, bool all) {
  bool any = false;
  for (auto& [id, box] : boxes_) {
    if (box.container.service != service || !IsReady(box) || (any && !all)) {
      continue;
    }
    any = true;
    box.sick_until = world_->queue.now() + length;
    if (world_->registry.at(box.container.spec_hash).has_healthcheck) {
      const auto judge = [this, replica = id, run = box.run] { JudgeHealth(replica, run); };
      world_->queue.After(absl::ZeroDuration(), judge);
      world_->queue.At(box.sick_until, judge);
    }
  }
  return any;
}

void Engine::Exit(Box& box, int32_t exit_code, bool oom) {
  ++box.run;
  box.container.status = Status::kExited;
  box.container.exit_code = exit_code;
  box.container.oom_killed = oom;
  box.container.health.clear();
  box.container.pid = 0;
  changed_(box.container.replica, false);
}

void Engine::Reboot() {
  ++boot_;
  for (auto& [id, box] : boxes_) {
    if (box.container.status == Status::kRunning) {
      ++box.run;
      box.container.status = Status::kExited;
      box.container.exit_code = 255;
      box.container.health.clear();
      box.container.pid = 0;
    }
  }
}

bool Engine::Crash(ReplicaId id, int32_t exit_code, bool oom) {
  const auto it = boxes_.find(id);
  if (it == boxes_.end() || it->second.container.status != Status::kRunning) {
    return false;
  }
  Exit(it->second, exit_code, oom);
  return true;
}

void Engine::RemoveByHand(ReplicaId id) {
  boxes_.erase(id);
  changed_(id, true);
}

std::vector<Container> Engine::List() const {
  std::vector<Container> all;
  for (const auto& [id, box] : boxes_) {
    all.push_back(box.container);
  }
  return all;
}

bool Engine::IsReady(const Box& box) const {
  const Instant now = world_->queue.now();
  return box.container.status == Status::kRunning && now >= box.ready_at && now >= box.sick_until;
}

int64_t Engine::CountReady(const std::string& service) const {
  return std::count_if(boxes_.begin(), boxes_.end(), [&](const auto& entry) {
    return entry.second.container.service == service && IsReady(entry.second);
  });
}

int64_t Engine::CountRunning(const std::string& service) const {
  return std::count_if(boxes_.begin(), boxes_.end(), [&](const auto& entry) {
    return entry.second.container.service == service && entry.second.container.status == Status::kRunning;
  });
}

}  // namespace drover::sim
