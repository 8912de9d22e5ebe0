// A core under test with its clock, builders for what goes in, and the last Ready that came out.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/core.h"

namespace drover::agent {

inline ReplicaId Id(uint64_t n) { return ReplicaId(n); }

inline Instant At(double seconds) { return Instant::FromNanoseconds(static_cast<int64_t>(seconds * 1e9)); }

inline ServiceContext Spec(const std::string& hash = "s1") {
  ServiceContext c;
  c.spec_hash = hash;
  c.stack = "shop";
  c.service = "web";
  return c;
}

inline RunReplica Wanted(uint64_t id, const std::string& hash = "s1") {
  RunReplica r;
  r.id = Id(id);
  r.handle = static_cast<uint32_t>(id);
  r.number = static_cast<uint32_t>(id);
  r.spec_hash = hash;
  r.image_id = "sha256:1";
  return r;
}

inline RemoveReplica Removal(uint64_t id, bool operator_change = false) {
  RemoveReplica r;
  r.id = Id(id);
  r.reason = "ScaleDown";
  r.operator_change = operator_change;
  return r;
}

// A full assignment of epoch 1 of cluster "c".
inline Assignment Full(uint64_t revision, std::vector<RunReplica> run,
                       std::vector<RemoveReplica> remove = {}) {
  Assignment a;
  a.cluster = ClusterId("c");
  a.epoch = Epoch(1);
  a.revision = Revision(revision);
  a.run = std::move(run);
  a.remove = std::move(remove);
  a.contexts = {Spec()};
  return a;
}

inline Assignment Delta(uint64_t base, uint64_t revision, std::vector<RunReplica> run,
                        std::vector<RemoveReplica> remove = {}, std::vector<ReplicaId> forget = {}) {
  Assignment a = Full(revision, std::move(run), std::move(remove));
  a.base_epoch = Epoch(1);
  a.base_revision = Revision(base);
  a.forget = std::move(forget);
  a.contexts.clear();
  return a;
}

inline Container Box(uint64_t id, Container::Status status = Container::Status::kRunning,
                     const std::string& hash = "s1") {
  Container c;
  c.id = "box" + std::to_string(id);
  c.name = "shop-web-" + std::to_string(id);
  c.replica = Id(id);
  c.cluster = ClusterId("c");
  c.spec_hash = hash;
  c.status = status;
  c.pid = status == Container::Status::kRunning ? 100 : 0;
  return c;
}

inline Container Exited(uint64_t id, int32_t code, bool oom = false) {
  Container c = Box(id, Container::Status::kExited);
  c.exit_code = code;
  c.oom_killed = oom;
  return c;
}

class Rig {
 public:
  explicit Rig(CoreOptions options = {}, HeldAssignment held = {}) {
    if (options.boot_id.empty()) {
      options.boot_id = "boot1";
    }
    core = std::make_unique<Core>(options, held, now);
  }

  // Steps one event at `now` and keeps what it led to.
  template <typename E>
  const Ready& Do(E event) {
    event.now = now;
    core->Step(event);
    ready = core->TakeReady();
    for (const Action& a : ready.actions) {
      open.push_back(a);
    }
    return ready;
  }

  const Ready& List(std::vector<Container> containers = {}) {
    return Do(EngineListed{.now = now, .containers = std::move(containers)});
  }

  const Ready& Connect(uint64_t epoch = 1) {
    return Do(ControllerConnected{.now = now, .cluster = ClusterId("c"), .epoch = Epoch(epoch)});
  }

  const Ready& Assign(Assignment a) { return Do(AssignmentReceived{.now = now, .assignment = std::move(a)}); }

  const Ready& After(double seconds) {
    now = now + absl::Seconds(seconds);
    return Do(Tick{now});
  }

  const Ready& Changed(Container c, bool by_hand = false) {
    const ReplicaId id = c.replica;
    return Do(ContainerChanged{.now = now, .replica = id, .container = std::move(c), .by_hand = by_hand});
  }

  const Ready& Vanished(uint64_t id) {
    return Do(ContainerChanged{.now = now, .replica = Id(id), .container = std::nullopt, .by_hand = true});
  }

  // Ends the oldest open action of the replica; its kind must be `kind`.
  const Ready& Done(uint64_t id, Action::Kind kind, std::optional<Container> container, Duration took = {}) {
    return End(id, kind, absl::OkStatus(), "", std::move(container), took);
  }

  const Ready& Fail(uint64_t id, Action::Kind kind, absl::Status status, std::string reason = "") {
    return End(id, kind, std::move(status), std::move(reason), std::nullopt, {});
  }

  const Ready& End(uint64_t id, Action::Kind kind, absl::Status status, std::string reason,
                   std::optional<Container> container, Duration took, std::string log = "") {
    const auto it =
        std::find_if(open.begin(), open.end(), [&](const Action& a) { return a.replica == Id(id); });
    if (it == open.end() || it->kind != kind) {
      wrong_end = true;
      return ready;
    }
    const uint64_t action = it->id;
    open.erase(it);
    return Do(ActionDone{.now = now,
                         .action = action,
                         .status = std::move(status),
                         .reason = std::move(reason),
                         .container = std::move(container),
                         .took = took,
                         .last_log = std::move(log)});
  }

  // Pull, create, start of a replica that was just assigned.
  void BringUp(uint64_t id) {
    Done(id, Action::Kind::kPull, std::nullopt);
    Done(id, Action::Kind::kCreate, Box(id, Container::Status::kCreated));
    Done(id, Action::Kind::kStart, Box(id));
  }

  ReplicaStatus Status(uint64_t id) const {
    for (const ReplicaStatus& s : core->replicas()) {
      if (s.id == Id(id)) {
        return s;
      }
    }
    return {};
  }

  ReplicaState State(uint64_t id) const { return Status(id).state; }

  std::vector<Action::Kind> Kinds() const {
    std::vector<Action::Kind> kinds;
    for (const Action& a : ready.actions) {
      kinds.push_back(a.kind);
    }
    return kinds;
  }

  std::vector<std::string> Reasons() const {
    std::vector<std::string> reasons;
    for (const Notice& n : ready.notices) {
      reasons.push_back(n.reason);
    }
    return reasons;
  }

  Instant now = At(1000);
  std::unique_ptr<Core> core;
  Ready ready;
  std::vector<Action> open;
  bool wrong_end = false;  // Done or Fail named an action that is not open
};

}  // namespace drover::agent
