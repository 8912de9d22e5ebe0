#include <algorithm>

#include "controller/runtime/convert.h"

namespace drover::controller {
namespace {

uint32_t ToMillis(Duration duration) {
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, UINT32_MAX));
}

v1::RunReplica ToProto(const RunReplica& run) {
  v1::RunReplica out;
  out.set_replica_id(run.id.value());
  out.set_handle(run.handle);
  out.set_spec_hash(run.spec_hash);
  out.set_number(run.number);
  for (const PublishedPort& port : run.published) {
    *out.add_published() = ToProto(port);
  }
  out.set_phase(run.quiet ? v1::QUIET : v1::RUN);
  out.set_image_id(run.image_id);
  out.set_hands_off(run.hands_off);
  return out;
}

v1::RemoveReplica ToProto(const RemoveReplica& remove) {
  v1::RemoveReplica out;
  out.set_replica_id(remove.id.value());
  out.set_reason(remove.reason);
  out.set_forced(remove.forced);
  out.set_operator_change(remove.operator_change);
  out.set_remove_volumes(remove.remove_volumes);
  return out;
}

void Fill(const Assignment& assignment, v1::Assignment& out) {
  out.set_cluster_id(assignment.cluster.value());
  out.set_epoch(assignment.epoch.value());
  out.set_revision(assignment.revision.value());
  out.set_base_epoch(assignment.base_epoch.value());
  out.set_base_revision(assignment.base_revision.value());
  for (const RunReplica& run : assignment.run) {
    *out.add_run() = ToProto(run);
  }
  for (const RemoveReplica& remove : assignment.remove) {
    *out.add_remove() = ToProto(remove);
    out.set_operator_change(out.operator_change() || remove.operator_change);
  }
  for (const ReplicaId id : assignment.forget) {
    out.add_forget(id.value());
  }
  for (const ServiceContext& service : assignment.contexts) {
    v1::ServiceContext& context = *out.add_services();
    context.ParseFromString(service.context);
    context.set_stack(service.service.stack);
    context.set_service(service.service.service);
    context.set_spec_hash(service.spec_hash);
    context.set_service_revision(service.stack_revision);
  }
}

void Fill(const ProbeAssignment& assignment, v1::ProbeAssignment& out) {
  out.set_epoch(assignment.epoch.value());
  for (const Probe& probe : assignment.probes) {
    v1::Probe& to = *out.add_probes();
    to.set_handle(probe.handle);
    to.set_term(probe.term);
    to.set_stack(probe.stack);
    to.mutable_queue()->ParseFromString(probe.probe);
    if (!probe.host.empty()) {
      to.mutable_queue()->clear_endpoints();
      v1::Endpoint& endpoint = *to.mutable_queue()->add_endpoints();
      endpoint.set_host(probe.host);
      endpoint.set_port(probe.port);
    }
    to.set_interval_ms(ToMillis(probe.interval));
    to.set_notify_above(probe.notify_above);
    to.set_standby(probe.standby);
  }
}

void Fill(const TrafficSpec& traffic, v1::BackendSet& out) {
  out.set_h2(traffic.h2);
  out.set_check(traffic.check);
  if (traffic.sticky != TrafficSpec::Sticky::kNone) {
    out.set_sticky(traffic.sticky == TrafficSpec::Sticky::kCookie ? "cookie" : "source");
  }
  out.set_weighted(!traffic.weight_label.empty());
  out.set_slow_start_ms(ToMillis(traffic.slow_start));
  out.set_timeout_ms(ToMillis(traffic.timeout));
  if (traffic.drain_request) {
    out.set_drain_request_ms(ToMillis(*traffic.drain_request));
  }
  if (traffic.drain_tunnel) {
    out.set_drain_tunnel_ms(ToMillis(*traffic.drain_tunnel));
  }
}

v1::BackendSet ToProto(const BackendSet& set) {
  v1::BackendSet out;
  out.set_handle(set.handle);
  out.set_stack(set.service.stack);
  out.set_service(set.service.service);
  out.set_target(set.target);
  out.set_epoch(set.epoch.value());
  out.set_revision(set.revision.value());
  for (const ListenerSpec& listener : set.listeners) {
    v1::Listener& to = *out.add_listeners();
    to.set_bind(listener.bind);
    to.set_port(listener.port);
    to.set_host(listener.host);
    to.set_path(listener.path);
    to.set_tls_path(listener.tls_path);
  }
  out.set_http(set.http);
  out.set_slots(set.slots);
  out.set_maxconn(set.maxconn);
  Fill(set.traffic, out);
  for (const Backend& backend : set.backends) {
    v1::Backend& to = *out.add_backends();
    to.set_replica_id(backend.replica.value());
    to.set_address(backend.address);
    to.set_port(backend.port);
    to.set_drain(backend.drain);
    to.set_weight(backend.weight);
  }
  out.set_attach(set.attach);
  out.set_hold_ms(ToMillis(set.hold));
  out.set_max_held(set.max_held);
  return out;
}

void Fill(const BackendSets& sets, v1::BackendSets& out) {
  out.set_epoch(sets.epoch.value());
  out.set_revision(sets.revision.value());
  for (const BackendSet& set : sets.sets) {
    *out.add_sets() = ToProto(set);
  }
}

v1::Refuse::Code ToProto(Refuse::Code code) {
  switch (code) {
    case Refuse::Code::kClusterMismatch:
      return v1::Refuse::CLUSTER_MISMATCH;
    case Refuse::Code::kNodeIdInUse:
      return v1::Refuse::NODE_ID_IN_USE;
    case Refuse::Code::kProtocol:
      return v1::Refuse::PROTOCOL;
    case Refuse::Code::kNotLeader:
      return v1::Refuse::NOT_LEADER;
    case Refuse::Code::kIdentity:
      return v1::Refuse::IDENTITY;
    case Refuse::Code::kRemoved:
      return v1::Refuse::REMOVED;
  }
  return v1::Refuse::CODE_UNSPECIFIED;
}

struct Filler {
  v1::ControllerMessage& out;
  const WelcomeTerms& terms;

  void operator()(const Welcome& welcome) const {
    v1::Welcome& to = *out.mutable_welcome();
    to.set_cluster_id(welcome.cluster.value());
    to.set_epoch(welcome.epoch.value());
    to.set_settled(welcome.settled);
    to.set_protocol(terms.protocol);
    to.set_report_interval_ms(ToMillis(terms.report_interval));
  }

  void operator()(const Refuse& refuse) const { *out.mutable_refuse() = ToProto(refuse); }

  void operator()(const Assignment& assignment) const { Fill(assignment, *out.mutable_assignment()); }

  void operator()(const ProbeAssignment& probes) const { Fill(probes, *out.mutable_probes()); }

  void operator()(const BackendSets& sets) const { Fill(sets, *out.mutable_backends()); }
};

}  // namespace

v1::Refuse ToProto(const Refuse& refuse) {
  v1::Refuse out;
  out.set_code(ToProto(refuse.code));
  out.set_message(refuse.message);
  return out;
}

v1::ControllerMessage ToProto(const Order& order, const WelcomeTerms& terms) {
  v1::ControllerMessage out;
  std::visit(Filler{out, terms}, order.body);
  return out;
}

}  // namespace drover::controller
