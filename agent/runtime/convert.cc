#include "agent/runtime/convert.h"

#include <algorithm>

#include "agent/runtime/edge/set_proto.h"
#include "common/utf8.h"

namespace drover::agent {
namespace {

Duration FromWire(const google::protobuf::Duration& d) {
  return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
}

ServiceContext::Restart RestartFromWire(const v1::RestartSpec& wire) {
  switch (wire.condition()) {
    case v1::RestartSpec::ON_FAILURE:
      return ServiceContext::Restart::kOnFailure;
    case v1::RestartSpec::NONE:
      return ServiceContext::Restart::kNever;
    default:
      return ServiceContext::Restart::kAlways;
  }
}

RunReplica RunFromWire(const v1::RunReplica& wire) {
  RunReplica run;
  run.id = ReplicaId(wire.replica_id());
  run.handle = wire.handle();
  run.spec_hash = wire.spec_hash();
  run.number = wire.number();
  for (const v1::PublishedPort& port : wire.published()) {
    run.published.push_back({port.container_port(), port.host_port()});
  }
  run.quiet = wire.phase() == v1::QUIET;
  run.image_id = wire.image_id();
  run.hands_off = wire.hands_off();
  return run;
}

v1::RequestTimes ToWire(const RequestTimes& times) {
  v1::RequestTimes wire;
  for (const uint32_t count : times.answered.Counts()) {
    wire.add_counts(count);
  }
  for (const uint32_t count : times.replica.Counts()) {
    wire.add_replica_counts(count);
  }
  wire.set_dropped(times.dropped);
  return wire;
}

RemoveReplica RemoveFromWire(const v1::RemoveReplica& wire) {
  return {ReplicaId(wire.replica_id()),        wire.reason(),          wire.forced(),
          absl::Milliseconds(wire.grace_ms()), wire.operator_change(), wire.remove_volumes()};
}

v1::ReplicaState StateOf(const Container& container) {
  switch (container.status) {
    case Container::Status::kCreated:
      return v1::STARTING;
    case Container::Status::kRunning:
    case Container::Status::kRestarting:
      return v1::RUNNING;
    case Container::Status::kPaused:
      return v1::WARM;
    case Container::Status::kExited:
    case Container::Status::kDead:
      return container.exit_code == 0 ? v1::COMPLETED : v1::FAILED;
    case Container::Status::kRemoving:
      return v1::STOPPING;
  }
  return v1::REPLICA_STATE_UNSPECIFIED;
}

}  // namespace

ServiceContext ContextFromWire(const v1::ServiceContext& wire) {
  ServiceContext context;
  context.spec_hash = wire.spec_hash();
  context.stack = wire.stack();
  context.service = wire.service();
  context.context = wire.SerializeAsString();
  context.task = wire.task();
  context.singleton = wire.singleton();
  const v1::ContainerSpec& spec = wire.container();
  bool checked =
      spec.has_healthcheck() && !spec.healthcheck().test().empty() && spec.healthcheck().test(0) != "NONE";
  // R3.4: the first that exists.
  bool probed = wire.has_ready() && wire.ready().check_case() != v1::ReadyCheck::CHECK_NOT_SET;
  context.has_healthcheck = checked && !probed;
  context.has_ready_check = probed || (!checked && !wire.routed_ports().empty());
  if (spec.has_stop_grace_period()) {
    context.stop_grace = FromWire(spec.stop_grace_period());
  }
  context.restart = RestartFromWire(wire.restart());
  context.restart_max = wire.restart().max_attempts();
  if (wire.restart().has_delay()) {
    context.restart_delay = FromWire(wire.restart().delay());
  }
  return context;
}

Assignment AssignmentFromWire(const v1::Assignment& wire) {
  Assignment result;
  result.cluster = ClusterId(wire.cluster_id());
  result.epoch = Epoch(wire.epoch());
  result.revision = Revision(wire.revision());
  result.base_epoch = Epoch(wire.base_epoch());
  result.base_revision = Revision(wire.base_revision());
  for (const v1::RunReplica& run : wire.run()) {
    result.run.push_back(RunFromWire(run));
  }
  for (const v1::RemoveReplica& remove : wire.remove()) {
    result.remove.push_back(RemoveFromWire(remove));
    result.remove.back().operator_change |= wire.operator_change();
  }
  for (uint64_t id : wire.forget()) {
    result.forget.push_back(ReplicaId(id));
  }
  for (const v1::ServiceContext& context : wire.services()) {
    result.contexts.push_back(ContextFromWire(context));
  }
  return result;
}

v1::HeldState HeldToProto(const HeldAssignment& held) {
  v1::HeldState state;
  state.set_cluster_id(held.cluster.value());
  state.set_highest_epoch(held.highest_epoch.value());
  state.set_boot_id(held.boot_id);
  v1::Assignment& assignment = *state.mutable_assignment();
  assignment.set_cluster_id(held.cluster.value());
  assignment.set_epoch(held.epoch.value());
  assignment.set_revision(held.revision.value());
  for (const RunReplica& run : held.run) {
    v1::RunReplica& wire = *assignment.add_run();
    wire.set_replica_id(run.id.value());
    wire.set_handle(run.handle);
    wire.set_spec_hash(run.spec_hash);
    wire.set_number(run.number);
    for (const PublishedPort& port : run.published) {
      v1::PublishedPort& published = *wire.add_published();
      published.set_container_port(port.container_port);
      published.set_host_port(port.host_port);
    }
    wire.set_phase(run.quiet ? v1::QUIET : v1::RUN);
    wire.set_image_id(run.image_id);
    wire.set_hands_off(run.hands_off);
  }
  for (const RemoveReplica& remove : held.remove) {
    v1::RemoveReplica& wire = *assignment.add_remove();
    wire.set_replica_id(remove.id.value());
    wire.set_reason(remove.reason);
    wire.set_forced(remove.forced);
    wire.set_grace_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(remove.grace)));
    wire.set_operator_change(remove.operator_change);
    wire.set_remove_volumes(remove.remove_volumes);
  }
  for (const ServiceContext& context : held.contexts) {
    assignment.add_services()->ParseFromString(context.context);
  }
  return state;
}

HeldAssignment HeldFromProto(const v1::HeldState& state) {
  Assignment assignment = AssignmentFromWire(state.assignment());
  HeldAssignment held;
  held.cluster = ClusterId(state.cluster_id());
  held.highest_epoch = Epoch(state.highest_epoch());
  held.epoch = assignment.epoch;
  held.revision = assignment.revision;
  held.boot_id = state.boot_id();
  held.run = std::move(assignment.run);
  held.remove = std::move(assignment.remove);
  held.contexts = std::move(assignment.contexts);
  auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(held.run.begin(), held.run.end(), by_id);
  std::sort(held.remove.begin(), held.remove.end(), by_id);
  std::sort(held.contexts.begin(), held.contexts.end(),
            [](const auto& a, const auto& b) { return a.spec_hash < b.spec_hash; });
  return held;
}

v1::FoundReplica FoundToWire(const Container& container) {
  v1::FoundReplica found;
  found.set_replica_id(container.replica.value());
  found.set_cluster_id(container.cluster.value());
  found.set_container_id(container.id);
  found.set_stack(container.stack);
  found.set_service(container.service);
  found.set_name(container.name);
  found.set_spec_hash(container.spec_hash);
  found.set_state(StateOf(container));
  found.set_epoch(container.epoch);
  return found;
}

std::vector<EdgeSet> EdgeSetsFromWire(const v1::BackendSets& wire) {
  std::vector<EdgeSet> result;
  for (const v1::BackendSet& set : wire.sets()) {
    result.push_back(FromProto(set));
  }
  return result;
}

v1::EdgeReport EdgeToWire(const EdgeState& state, Instant now) {
  v1::EdgeReport report;
  report.set_instance(state.instance);
  report.set_reachable(state.reachable);
  report.set_reloads(state.reloads);
  report.set_error(ValidUtf8(state.error));
  for (const EdgeSetState& set : state.sets) {
    v1::EdgeSetStatus& to = *report.add_sets();
    to.set_set(set.handle);
    to.set_applied_epoch(set.applied_epoch.value());
    to.set_applied_revision(set.applied_revision.value());
    for (const EdgeServerState& server : set.servers) {
      to.add_replica_id(server.replica.value());
      to.add_in_flight(static_cast<uint32_t>(std::max<int64_t>(0, server.in_flight)));
      to.add_up(server.up);
      if (server.requests_total && server.errors_total) {
        to.add_server_requests(*server.requests_total);
        to.add_server_errors(*server.errors_total);
      }
    }
    to.set_closed_total(set.closed_total);
    if (set.queued) {
      to.set_queued(static_cast<uint32_t>(*set.queued));
    }
    if (set.held) {
      to.set_held(static_cast<uint32_t>(*set.held));
    }
    if (set.rate) {
      to.set_rate(*set.rate);
    }
    if (set.requests_total) {
      to.set_requests_total(*set.requests_total);
    }
    if (set.finished_total) {
      to.set_finished_total(*set.finished_total);
    }
    to.set_at_least(set.at_least);
    if (set.errors_total) {
      to.set_errors_total(*set.errors_total);
    }
    if (set.times) {
      *to.mutable_times() = ToWire(*set.times);
    }
    to.set_error(ValidUtf8(set.error));
    to.set_age_ms(static_cast<uint32_t>(std::max<int64_t>(0, absl::ToInt64Milliseconds(now - set.read_at))));
  }
  return report;
}

v1::StopReport StopToWire(const StopResult& stop) {
  v1::StopReport report;
  report.set_replica_id(stop.replica.value());
  // The words are in the same order; the wire has an unspecified one before.
  report.set_result(static_cast<v1::StopReport::Result>(static_cast<int>(stop.result) + 1));
  report.set_exit_code(stop.exit_code);
  report.set_signal_to_exit_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(stop.signal_to_exit)));
  report.set_detail(ValidUtf8(stop.detail));
  return report;
}

}  // namespace drover::agent
