#include "controller/runtime/http/view_to_api.h"

#include <algorithm>
#include <limits>

#include "controller/core/autoscale/explain.h"
#include "controller/runtime/convert.h"

namespace drover::controller {
namespace {

uint32_t U32(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, std::numeric_limits<uint32_t>::max()));
}

std::string NodeName(const NodeId& id, const View& view) {
  const auto found = view.nodes.find(id);
  return found == view.nodes.end() ? "" : found->second->record.name;
}

struct Counts {
  uint32_t ready = 0, running = 0, starting = 0, pending = 0, draining = 0, failed = 0, completed = 0;
  bool updating = false;
};

Counts CountReplicas(const ServiceView& service) {
  Counts counts;
  for (const ReplicaView& replica : service.replicas) {
    const ReplicaState state = replica.state;
    counts.ready += state == ReplicaState::kReady;
    counts.running += state == ReplicaState::kReady || state == ReplicaState::kRunning;
    counts.starting += IsStarting(state);
    counts.pending += state == ReplicaState::kPending;
    counts.draining += state == ReplicaState::kDraining || state == ReplicaState::kStopping;
    counts.failed += state == ReplicaState::kFailed;
    counts.completed += state == ReplicaState::kCompleted;
    counts.updating |= !replica.current && IsActive(state);
  }
  return counts;
}

void AddPorts(const ServiceSpec& spec, v1::Service& out) {
  for (const ListenerSpec& listener : spec.listeners) {
    if (!listener.pull.empty()) {
      continue;
    }
    v1::PortSpec* port = out.add_ports();
    port->set_target(listener.target);
    port->set_published(listener.port);
    port->set_host_ip(listener.bind);
    port->set_protocol(v1::PROTOCOL_TCP);
    port->set_http(listener.http);
  }
  for (const uint32_t host_port : spec.host_ports) {
    v1::PortSpec* port = out.add_ports();
    port->set_published(host_port);
    port->set_protocol(v1::PROTOCOL_TCP);
    port->set_host_mode(true);
  }
}

void AddConsumers(const ServiceView& service, v1::Service& out) {
  for (const auto& [name, pull] : service.pulls) {
    v1::Consumer* consumer = out.add_consumers();
    consumer->set_name(name);
    consumer->set_revision(service.record.backend_revision);
    consumer->set_confirmed(pull.revision);
    if (pull.since) {
      *consumer->mutable_confirmed_at() = ToProto(pull.wall);
    }
  }
}

void AddRequests(const RequestTimes& times, v1::Service& out) {
  if (times.answered.samples() == 0) {
    return;
  }
  v1::Requests& requests = *out.mutable_requests();
  requests.set_samples(static_cast<uint64_t>(times.answered.samples()));
  for (const double quantile : {0.5, 0.95, 0.99}) {
    const std::optional<Duration> answered = times.answered.Quantile(quantile);
    const std::optional<Duration> replica = times.replica.Quantile(quantile);
    if (answered && replica) {
      v1::Requests::Quantile& to = *requests.add_quantiles();
      to.set_quantile(quantile);
      *to.mutable_answered() = ToProto(*answered);
      *to.mutable_replica() = ToProto(*replica);
    }
  }
}

void AddSignals(const Decision& decision, v1::Service& out) {
  for (const SignalDecision& signal : decision.signals) {
    v1::SignalView* view = out.add_signals();
    view->set_name(signal.name);
    if (signal.value) {
      view->set_value(*signal.value);
      *view->mutable_age() = ToProto(signal.age);
    }
    view->set_target(signal.target);
    view->set_unit(signal.unit);
    view->set_unknown_reason(signal.unknown_reason);
  }
}

v1::Node::Status StatusToApi(NodeStatus status) {
  switch (status) {
    case NodeStatus::kUp:
      return v1::Node::UP;
    case NodeStatus::kSuspect:
      return v1::Node::SUSPECT;
    case NodeStatus::kLost:
      return v1::Node::LOST;
    case NodeStatus::kNeverSeen:
      return v1::Node::NEVER_SEEN;
  }
  return v1::Node::STATUS_UNSPECIFIED;
}

v1::PlanChange::Action ActionToApi(PlanChange::Action action) {
  switch (action) {
    case PlanChange::Action::kCreate:
      return v1::PlanChange::CREATE;
    case PlanChange::Action::kReplace:
      return v1::PlanChange::REPLACE;
    case PlanChange::Action::kUpdate:
      return v1::PlanChange::UPDATE;
    case PlanChange::Action::kRemove:
      return v1::PlanChange::REMOVE;
  }
  return v1::PlanChange::ACTION_UNSPECIFIED;
}

v1::HostSample HostToApi(const HostSample& host) {
  v1::HostSample out;
  if (host.cpu_milli) {
    out.set_cpu_milli(U32(*host.cpu_milli));
  }
  out.set_cpu_count(U32(host.cpu_count));
  if (host.memory_total) {
    out.set_memory_total_bytes(host.memory_total->value());
  }
  if (host.memory_available) {
    out.set_memory_available_bytes(host.memory_available->value());
  }
  out.set_pressure_cpu(static_cast<float>(host.pressure_cpu.value_or(-1)));
  out.set_pressure_memory(static_cast<float>(host.pressure_memory.value_or(-1)));
  out.set_pressure_io(static_cast<float>(host.pressure_io.value_or(-1)));
  out.set_containers(U32(host.containers));
  return out;
}

void AddAvailability(const NodeRecord& record, v1::Node& out) {
  out.set_availability(ToProto(record.availability));
  out.set_availability_note(record.availability_note);
  if (record.drain_deadline) {
    *out.mutable_drain_deadline() = ToProto(*record.drain_deadline);
  }
  if (record.available_at) {
    *out.mutable_available_at() = ToProto(*record.available_at);
  }
}

}  // namespace

v1::Service ServiceToApi(const ServiceView& service, const View& view) {
  v1::Service out;
  const ServiceSpec& spec = service.spec;
  const ServiceRecord& record = service.record;
  out.set_stack(service.key.stack);
  out.set_name(service.key.service);
  out.set_image(spec.image);
  out.set_spec_hash(spec.spec_hash);
  out.set_autoscaled(spec.autoscale.has_value());
  out.set_min(U32(spec.autoscale ? spec.autoscale->min : spec.replicas));
  out.set_max(U32(spec.autoscale ? spec.autoscale->max : spec.replicas));
  out.set_desired(U32(record.desired));
  const Counts counts = CountReplicas(service);
  out.set_ready(counts.ready);
  out.set_running(counts.running);
  out.set_starting(counts.starting);
  out.set_pending(counts.pending);
  out.set_draining(counts.draining);
  out.set_failed(counts.failed);
  out.set_completed(counts.completed);
  out.set_updating(counts.updating);
  if (service.decision != nullptr) {
    AddSignals(*service.decision, out);
  }
  AddRequests(service.times, out);
  out.set_status(service.status);
  out.set_converged(service.converged);
  out.set_paused(record.paused);
  out.set_pause_down_only(record.pause_down_only);
  if (record.paused && record.paused_until) {
    *out.mutable_paused_until() = ToProto(*record.paused_until);
  }
  if (record.held && record.held_until) {
    *out.mutable_held_until() = ToProto(*record.held_until);
  }
  AddPorts(spec, out);
  AddConsumers(service, out);
  out.set_pinned(spec.pinned());
  out.set_pinned_node(spec.pinned() ? NodeName(record.data_node, view) : "");
  out.set_reservation_assumed(service.reservation_assumed);
  out.set_reserved_cpu_milli(service.reserved.cpu.value());
  out.set_reserved_memory_bytes(service.reserved.memory.value());
  return out;
}

v1::Replica ReplicaToApi(const ReplicaView& replica, const ServiceView& service, const View& view) {
  v1::Replica out;
  const ReplicaRecord& record = replica.record;
  out.set_id(ToString(record.id));
  out.set_name(replica.name);
  out.set_stack(service.key.stack);
  out.set_service(service.key.service);
  out.set_number(record.number);
  out.set_node_id(record.node.value());
  if (const auto node = view.nodes.find(record.node); node != view.nodes.end()) {
    out.set_node_name(node->second->record.name);
    out.set_address(node->second->record.address);
  }
  out.set_state(ToProto(replica.state));
  *out.mutable_state_age() = ToProto(std::max(view.now - replica.since, absl::ZeroDuration()));
  out.set_reason(replica.reason);
  out.set_message(replica.message);
  out.set_container_id(replica.detail.container_id);
  out.set_spec_hash(record.spec_hash);
  out.set_current(replica.current);
  if (replica.sample) {
    const ReplicaSample& sample = *replica.sample;
    if (sample.cpu_milli) {
      out.set_cpu_milli(U32(*sample.cpu_milli));
    }
    if (sample.memory_bytes) {
      out.set_memory_kib(U32(*sample.memory_bytes / 1024));
    }
    if (sample.busy) {
      out.set_busy(U32(*sample.busy));
    }
  }
  if (replica.traffic) {
    out.set_in_flight(U32(replica.traffic->in_flight));
    if (replica.traffic->requests_total && replica.traffic->errors_total) {
      out.set_requests_total(*replica.traffic->requests_total);
      out.set_errors_total(*replica.traffic->errors_total);
    }
  }
  for (const PublishedPort& port : record.published) {
    *out.add_published() = ToProto(port);
  }
  out.set_restarts(replica.detail.restarts);
  out.set_health(replica.detail.health);
  out.set_has_exited(replica.detail.exit_code.has_value());
  out.set_exit_code(replica.detail.exit_code.value_or(0));
  if (replica.detail.retry_in > absl::ZeroDuration()) {
    *out.mutable_retry_in() = ToProto(replica.detail.retry_in);
  }
  // Of another spec: the controller does not keep what that one had resolved.
  out.set_image_id(replica.current ? service.spec.image_id : "");
  return out;
}

v1::Replica FailureToApi(const FailureRecord& failure, const ServiceKey& service, const View& view) {
  v1::Replica out;
  out.set_id(ToString(failure.replica));
  out.set_name(failure.name);
  out.set_stack(service.stack);
  out.set_service(service.service);
  out.set_node_id(failure.node.value());
  out.set_node_name(NodeName(failure.node, view));
  out.set_state(ToProto(ReplicaState::kGone));
  *out.mutable_state_age() = ToProto(std::max(view.wall - failure.at, absl::ZeroDuration()));
  out.set_reason(failure.reason);
  out.set_message(failure.message);
  out.set_has_exited(failure.exit_code.has_value());
  out.set_exit_code(failure.exit_code.value_or(0));
  return out;
}

v1::Stack StackToApi(const StackView& stack, const View& view) {
  v1::Stack out;
  out.set_name(stack.name);
  out.set_revision(stack.revision);
  out.set_removing(stack.removing);
  *out.mutable_applied_at() = ToProto(stack.applied_at);
  for (auto it = view.services.lower_bound(ServiceKey{stack.name, ""});
       it != view.services.end() && it->first.stack == stack.name; ++it) {
    *out.add_services() = ServiceToApi(*it->second, view);
  }
  return out;
}

v1::Node NodeToApi(const NodeView& node, const View& view) {
  v1::Node out;
  const NodeRecord& record = node.record;
  out.set_id(record.id.value());
  out.set_name(record.name);
  out.set_status(StatusToApi(node.status));
  if (node.last_report) {
    *out.mutable_last_report_age() = ToProto(std::max(view.now - *node.last_report, absl::ZeroDuration()));
  }
  out.set_address(record.address);
  for (const auto& [key, value] : record.labels) {
    (*out.mutable_labels())[key] = value;
  }
  *out.mutable_capacity() = CapacityToProto(record.capacity);
  out.set_reserved_cpu_milli(node.reserved.cpu.value());
  out.set_reserved_memory_bytes(node.reserved.memory.value());
  out.set_replicas(U32(node.replicas));
  if (node.host) {
    *out.mutable_host() = HostToApi(*node.host);
  }
  if (record.edge) {
    out.mutable_edge()->set_bind(record.edge_bind);
    out.set_edge_reloads(node.edge ? node.edge->reloads : 0);
  }
  out.set_agent_version(node.version);
  v1::EngineInfo& engine = *out.mutable_engine();
  engine.set_version(node.engine.version);
  engine.set_api_version(node.engine.api_version);
  engine.set_cgroup_version(U32(node.engine.cgroup_version));
  engine.set_kernel(node.engine.kernel);
  engine.set_os(node.engine.os);
  for (const StuckCall& stuck : node.stuck) {
    *out.add_stuck() = StuckToApi(stuck);
  }
  AddAvailability(record, out);
  return out;
}

v1::NodeMove MoveToApi(const NodeMove& move, const View& view) {
  v1::NodeMove out;
  out.set_replica_id(ToString(move.replica));
  for (const auto& [key, service] : view.services) {
    for (const ReplicaView& replica : service->replicas) {
      if (replica.record.id == move.replica) {
        out.set_name(replica.name);
        out.set_stack(key.stack);
        out.set_service(key.service);
      }
    }
  }
  out.set_to_node(NodeName(move.to, view));
  out.set_why(move.why);
  return out;
}

v1::Decision DecisionToApi(const Decision& decision) {
  v1::Decision out = ToProto(decision);
  out.set_summary(Summary(decision));
  out.set_text(ToText(decision));
  return out;
}

v1::Event EventToApi(const EventRecord& event) { return ToProto(event); }

v1::Plan PlanToApi(const Plan& plan) {
  v1::Plan out;
  for (const PlanListener& listener : plan.listeners) {
    v1::PlanListener* to = out.add_listeners();
    to->set_address(listener.address);
    to->set_service(listener.service);
    to->set_target(listener.target);
    to->set_where(listener.where);
  }
  for (const PlanChange& change : plan.changes) {
    v1::PlanChange* to = out.add_changes();
    to->set_action(ActionToApi(change.action));
    to->set_service(change.service);
    for (const std::string& detail : change.details) {
      to->add_details(detail);
    }
  }
  return out;
}

v1::StuckCall StuckToApi(const StuckCall& stuck) {
  v1::StuckCall out;
  out.set_call(stuck.call);
  out.set_since_ms(U32(absl::ToInt64Milliseconds(stuck.since)));
  return out;
}

v1::Orphan OrphanToApi(const FoundReplica& found, const NodeView& node) {
  v1::Orphan out;
  out.set_replica_id(ToString(found.id));
  out.set_cluster_id(found.cluster.value());
  out.set_node_id(node.record.id.value());
  out.set_node_name(node.record.name);
  out.set_stack(found.stack);
  out.set_service(found.service);
  out.set_name(found.name);
  out.set_container_id(found.container_id);
  return out;
}

}  // namespace drover::controller
