#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"

namespace drover::controller {

v1::ReplicaState ToProto(ReplicaState state) {
  return static_cast<v1::ReplicaState>(static_cast<int>(state));
}

v1::Capacity CapacityToProto(const Resources& resources) {
  v1::Capacity out;
  out.set_cpu_milli(resources.cpu.value());
  out.set_memory_bytes(resources.memory.value());
  return out;
}

v1::PublishedPort ToProto(const PublishedPort& port) {
  v1::PublishedPort out;
  out.set_container_port(port.container_port);
  out.set_host_port(port.host_port);
  return out;
}

v1::StoredStack ToProto(const StackRecord& record) {
  v1::StoredStack out;
  out.set_name(record.name);
  out.set_revision(record.revision);
  out.mutable_spec()->ParseFromString(record.spec.source);
  out.set_removing(record.removing);
  out.set_remove_volumes(record.remove_volumes);
  *out.mutable_applied_at() = ToProto(record.applied_at);
  return out;
}

v1::StoredService ToProto(const ServiceRecord& record) {
  v1::StoredService out;
  out.set_stack(record.key.stack);
  out.set_service(record.key.service);
  out.set_desired(record.desired);
  out.set_backend_revision(record.backend_revision);
  out.set_paused(record.paused);
  out.set_pause_down_only(record.pause_down_only);
  if (record.paused_until.has_value()) {
    *out.mutable_paused_until() = ToProto(*record.paused_until);
  }
  out.set_held(record.held);
  if (record.held_until.has_value()) {
    *out.mutable_held_until() = ToProto(*record.held_until);
  }
  out.set_data_node(record.data_node.value());
  out.set_task_revision_done(record.task_revision_done);
  out.set_next_number(record.next_number);
  for (const FailureRecord& failure : record.failures) {
    v1::StoredFailure& to = *out.add_failures();
    to.set_replica(failure.replica.value());
    to.set_name(failure.name);
    to.set_node(failure.node.value());
    *to.mutable_at() = ToProto(failure.at);
    to.set_reason(failure.reason);
    to.set_message(failure.message);
    if (failure.exit_code) {
      to.set_exit_code(*failure.exit_code);
    }
  }
  return out;
}

v1::StoredReplica ToProto(const ReplicaRecord& record) {
  v1::StoredReplica out;
  out.set_id(record.id.value());
  out.set_stack(record.service.stack);
  out.set_service(record.service.service);
  out.set_node(record.node.value());
  out.set_number(record.number);
  out.set_handle(record.handle);
  out.set_spec_hash(record.spec_hash);
  out.set_stack_revision(record.stack_revision);
  out.set_state(ToProto(record.state));
  for (const PublishedPort& port : record.published) {
    *out.add_published() = ToProto(port);
  }
  out.set_reason(record.reason);
  out.set_forced(record.forced);
  out.set_operator_change(record.operator_change);
  out.set_remove_volumes(record.remove_volumes);
  out.set_superseded(record.superseded);
  out.set_reserved_cpu_milli(record.reserved.cpu.value());
  out.set_reserved_memory_bytes(record.reserved.memory.value());
  return out;
}

v1::StoredNode ToProto(const NodeRecord& record) {
  v1::StoredNode out;
  out.set_id(record.id.value());
  out.set_name(record.name);
  out.set_engine_id(record.engine_id);
  out.set_revision(record.revision);
  out.set_next_handle(record.next_handle);
  out.set_address(record.address);
  out.set_port_first(record.port_first);
  out.set_port_last(record.port_last);
  out.set_edge(record.edge);
  out.set_edge_bind(record.edge_bind);
  *out.mutable_capacity() = CapacityToProto(record.capacity);
  for (const auto& [name, value] : record.labels) {
    (*out.mutable_labels())[name] = value;
  }
  out.set_availability(ToProto(record.availability));
  if (record.drain_deadline) {
    *out.mutable_drain_deadline() = ToProto(*record.drain_deadline);
  }
  if (record.available_at) {
    *out.mutable_available_at() = ToProto(*record.available_at);
  }
  out.set_availability_note(record.availability_note);
  return out;
}

v1::NodeAvailability ToProto(NodeAvailability availability) {
  return static_cast<v1::NodeAvailability>(static_cast<int>(availability) + 1);
}

v1::StoredCluster ToProto(const ClusterRecord& record) {
  v1::StoredCluster out;
  out.set_frozen(record.frozen);
  if (record.frozen_until) {
    *out.mutable_frozen_until() = ToProto(*record.frozen_until);
  }
  out.set_frozen_note(record.frozen_note);
  for (const RemovedNode& node : record.removed_nodes) {
    v1::RemovedNode& to = *out.add_removed_nodes();
    to.set_id(node.id.value());
    to.set_name(node.name);
    *to.mutable_at() = ToProto(node.at);
  }
  return out;
}

StackRecord ToCore(const v1::StoredStack& stored) {
  StackRecord out;
  out.name = stored.name();
  out.revision = stored.revision();
  out.spec = TranslateChecked(stored.spec());
  out.removing = stored.removing();
  out.remove_volumes = stored.remove_volumes();
  out.applied_at = ToCore(stored.applied_at());
  return out;
}

ServiceRecord ToCore(const v1::StoredService& stored) {
  ServiceRecord out;
  out.key = {stored.stack(), stored.service()};
  out.desired = stored.desired();
  out.backend_revision = stored.backend_revision();
  out.paused = stored.paused();
  out.pause_down_only = stored.pause_down_only();
  if (stored.has_paused_until()) {
    out.paused_until = ToCore(stored.paused_until());
  }
  out.held = stored.held();
  if (stored.has_held_until()) {
    out.held_until = ToCore(stored.held_until());
  }
  out.data_node = NodeId(stored.data_node());
  out.task_revision_done = stored.task_revision_done();
  out.next_number = stored.next_number();
  for (const v1::StoredFailure& failure : stored.failures()) {
    FailureRecord& to = out.failures.emplace_back();
    to.replica = ReplicaId(failure.replica());
    to.name = failure.name();
    to.node = NodeId(failure.node());
    to.at = ToCore(failure.at());
    to.reason = failure.reason();
    to.message = failure.message();
    if (failure.has_exit_code()) {
      to.exit_code = failure.exit_code();
    }
  }
  return out;
}

absl::StatusOr<ReplicaRecord> ToCore(const v1::StoredReplica& stored) {
  if (stored.id() == 0 || !v1::ReplicaState_IsValid(stored.state()) ||
      stored.state() == v1::REPLICA_STATE_UNSPECIFIED) {
    return absl::DataLossError(
        absl::StrCat("replica ", HexId(stored.id()), " has the unknown state ", stored.state()));
  }
  ReplicaRecord out;
  out.id = ReplicaId(stored.id());
  out.service = {stored.stack(), stored.service()};
  out.node = NodeId(stored.node());
  out.number = stored.number();
  out.handle = stored.handle();
  out.spec_hash = stored.spec_hash();
  out.stack_revision = stored.stack_revision();
  out.state = static_cast<ReplicaState>(stored.state());
  for (const v1::PublishedPort& port : stored.published()) {
    out.published.push_back({.container_port = port.container_port(), .host_port = port.host_port()});
  }
  out.reason = stored.reason();
  out.forced = stored.forced();
  out.operator_change = stored.operator_change();
  out.remove_volumes = stored.remove_volumes();
  out.superseded = stored.superseded();
  out.reserved = {MilliCpu(stored.reserved_cpu_milli()), Bytes(stored.reserved_memory_bytes())};
  return out;
}

NodeRecord ToCore(const v1::StoredNode& stored) {
  NodeRecord out;
  out.id = NodeId(stored.id());
  out.name = stored.name();
  out.engine_id = stored.engine_id();
  out.revision = stored.revision();
  out.next_handle = stored.next_handle();
  out.address = stored.address();
  out.port_first = stored.port_first();
  out.port_last = stored.port_last();
  out.edge = stored.edge();
  out.edge_bind = stored.edge_bind();
  out.capacity = {MilliCpu(stored.capacity().cpu_milli()), Bytes(stored.capacity().memory_bytes())};
  out.labels.assign(stored.labels().begin(), stored.labels().end());
  std::sort(out.labels.begin(), out.labels.end());
  out.availability = static_cast<NodeAvailability>(std::max(0, static_cast<int>(stored.availability()) - 1));
  if (stored.has_drain_deadline()) {
    out.drain_deadline = ToCore(stored.drain_deadline());
  }
  if (stored.has_available_at()) {
    out.available_at = ToCore(stored.available_at());
  }
  out.availability_note = stored.availability_note();
  return out;
}

ClusterRecord ToCore(const v1::StoredCluster& stored) {
  ClusterRecord out;
  out.frozen = stored.frozen();
  if (stored.has_frozen_until()) {
    out.frozen_until = ToCore(stored.frozen_until());
  }
  out.frozen_note = stored.frozen_note();
  for (const v1::RemovedNode& node : stored.removed_nodes()) {
    out.removed_nodes.push_back({NodeId(node.id()), node.name(), ToCore(node.at())});
  }
  return out;
}

}  // namespace drover::controller
