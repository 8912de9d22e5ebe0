#include "tests/sim/bridge.h"

#include "common/check.h"

namespace drover::sim {

agent::Assignment ToAgent(const controller::Assignment& from, const Registry& registry) {
  agent::Assignment to;
  to.cluster = from.cluster;
  to.epoch = from.epoch;
  to.revision = from.revision;
  to.base_epoch = from.base_epoch;
  to.base_revision = from.base_revision;
  to.forget = from.forget;
  for (const controller::RunReplica& r : from.run) {
    agent::RunReplica run;
    run.id = r.id;
    run.handle = r.handle;
    run.spec_hash = r.spec_hash;
    run.number = r.number;
    run.quiet = r.quiet;
    run.image_id = r.image_id;
    run.hands_off = r.hands_off;
    for (const controller::PublishedPort& p : r.published) {
      run.published.push_back({p.container_port, p.host_port});
    }
    to.run.push_back(std::move(run));
  }
  for (const controller::RemoveReplica& r : from.remove) {
    agent::RemoveReplica remove;
    remove.id = r.id;
    remove.reason = r.reason;
    remove.forced = r.forced;
    remove.operator_change = r.operator_change;
    remove.remove_volumes = r.remove_volumes;
    to.remove.push_back(std::move(remove));
  }
  for (const controller::ServiceContext& c : from.contexts) {
    const auto it = registry.find(c.context);
    DROVER_CHECK(it != registry.end());
    to.contexts.push_back(it->second);
  }
  return to;
}

controller::ReplicaSample ToSample(const agent::ReplicaStatus& s) {
  controller::ReplicaSample sample;
  sample.handle = s.handle;
  sample.state = s.state;
  return sample;
}

controller::ReplicaDetail ToDetail(const agent::ReplicaStatus& s, Instant now) {
  controller::ReplicaDetail d;
  d.handle = s.handle;
  d.container_id = s.container_id;
  d.address = s.address;
  d.exit_code = s.exit_code;
  d.oom_killed = s.oom_killed;
  d.reason = s.reason;
  d.message = s.message;
  d.restarts = s.restarts;
  d.retry_in = s.retry_at ? *s.retry_at - now : absl::ZeroDuration();
  d.health = s.health;
  d.pull = s.pull;
  d.create = s.create;
  d.start = s.start;
  d.ready = s.ready;
  return d;
}

controller::StopResult ToController(const agent::StopResult& from) {
  using From = agent::StopResult::Result;
  using To = controller::StopResult::Result;
  controller::StopResult to;
  to.replica = from.replica;
  switch (from.result) {
    case From::kClean:
      to.result = To::kClean;
      break;
    case From::kTimedOut:
      to.result = To::kTimedOut;
      break;
    case From::kKilledWithWork:
      to.result = To::kKilledWithWork;
      break;
    case From::kForced:
      to.result = To::kForced;
      break;
    case From::kAlreadyGone:
      to.result = To::kAlreadyGone;
      break;
  }
  to.exit_code = from.exit_code;
  to.signal_to_exit = from.signal_to_exit;
  to.detail = from.detail;
  return to;
}

controller::AgentNotice ToController(const agent::Notice& from) {
  return {.reason = from.reason, .message = from.message, .replica = from.replica, .warning = from.warning};
}

controller::FoundReplica ToFound(const agent::Container& c) {
  controller::FoundReplica f;
  f.id = c.replica;
  f.cluster = c.cluster;
  f.stack = c.stack;
  f.service = c.service;
  f.name = c.name;
  f.container_id = c.id;
  f.state = c.status == agent::Container::Status::kRunning ? ReplicaState::kRunning : ReplicaState::kFailed;
  return f;
}

}  // namespace drover::sim
