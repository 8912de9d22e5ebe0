#include "tests/fuzz/step_reports.h"

#include <string>

namespace drover::fuzz {
namespace {

// Mostly `usual`, now and then anything.
template <typename T>
T Or(Feed& feed, T usual) {
  return feed.Chance(3) ? static_cast<T>(feed.Whole()) : usual;
}

v1::ReplicaState StateOf(Feed& feed) {
  return feed.Pick({v1::READY, v1::READY, v1::READY, v1::RUNNING, v1::STARTING, v1::PULLING, v1::FAILED,
                    v1::COMPLETED, v1::STOPPING, v1::WARM, v1::THAWING, v1::READY});
}

void FillQueue(Feed& feed, v1::QueueSample* sample) {
  sample->set_known(!feed.Chance(24));
  if (!sample->known()) {
    sample->set_error("connection refused");
    return;
  }
  sample->set_ready(feed.Real());
  if (feed.Chance(96)) {
    sample->set_held(feed.Real());
  }
  if (feed.Chance(32)) {
    sample->set_workers(feed.Real());
  }
  if (feed.Chance(48)) {
    sample->set_oldest_seconds(feed.Real());
  }
  if (feed.Chance(24)) {
    sample->set_active(feed.Chance(128));
  }
  if (feed.Chance(16)) {
    sample->set_age_ms(feed.Word());
  }
}

void AddRow(Feed& feed, uint32_t handle, v1::ReplicaColumns* columns) {
  columns->add_handle(handle);
  columns->add_state(StateOf(feed));
  columns->add_cpu_milli(feed.Word());
  columns->add_memory_kib(feed.Chance(32) ? feed.Word() : 1024);
  columns->add_busy(static_cast<uint32_t>(feed.Below(3)));
  columns->add_age_ms(feed.Chance(16) ? feed.Word() : 10);
  v1::ReplicaDetail* detail = columns->add_detail();
  detail->set_handle(handle);
  detail->set_address("172.17.0.2");
  if (feed.Chance(24)) {
    detail->set_reason(feed.Pick<const char*>({"PortInUse", "NameConflict", "OutOfMemory"}));
    detail->set_retry_in_ms(feed.Signed());
  }
}

void AddSet(Feed& feed, const controller::BackendSet& set, v1::EdgeReport* edge) {
  v1::EdgeSetStatus* status = edge->add_sets();
  status->set_set(set.handle);
  const bool stuck = feed.Chance(32);
  status->set_applied_epoch(stuck ? 0 : Or(feed, set.epoch.value()));
  status->set_applied_revision(stuck ? 0 : Or(feed, set.revision.value()));
  for (const controller::Backend& backend : set.backends) {
    status->add_replica_id(backend.replica.value());
    status->add_in_flight(feed.Chance(32) ? feed.Word() : 0);
    status->add_up(true);
  }
  if (feed.Chance(16)) {
    status->set_held(feed.Word());
    status->set_rate(feed.Real());
  }
}

void FillEdge(Feed& feed, const Peer& peer, v1::EdgeReport* edge) {
  edge->set_instance(Or<uint64_t>(feed, 1));
  edge->set_reachable(!feed.Chance(8));
  for (const controller::BackendSet& set : peer.sets) {
    AddSet(feed, set, edge);
  }
}

// An id that may be known: of the orders, of nobody, or none.
uint64_t AnyId(Feed& feed, const Peer& peer) {
  const size_t skip = feed.Below(8);
  if (skip < peer.run.size()) {
    return std::next(peer.run.begin(), static_cast<std::ptrdiff_t>(skip))->first.value();
  }
  return peer.remove.empty() || feed.Chance(64) ? feed.Whole() : peer.remove.begin()->value();
}

void AddFound(Feed& feed, const Peer& peer, v1::FoundReplica* found) {
  found->set_replica_id(AnyId(feed, peer));
  found->set_cluster_id(feed.Pick<const char*>({"c1", "", "other"}));
  found->set_stack("a");
  found->set_service("web");
  found->set_state(static_cast<v1::ReplicaState>(feed.Byte()));
}

void FillOddColumns(Feed& feed, v1::ReplicaColumns* columns) {
  for (size_t i = feed.Below(8); i > 0; --i) {
    columns->add_handle(feed.Word());
    columns->add_state(feed.Chance(24) ? feed.Word() : static_cast<uint32_t>(feed.Below(16)));
    if (!feed.Chance(8)) {
      columns->add_cpu_milli(feed.Word());
    }
    columns->add_age_ms(feed.Word());
  }
  if (feed.Chance(64)) {
    const size_t length = feed.Below(3);
    columns->set_cpu_valid(std::string(length, static_cast<char>(feed.Byte())));
  }
  for (size_t i = feed.Below(3); i > 0; --i) {
    v1::ReplicaDetail* detail = columns->add_detail();
    detail->set_handle(feed.Word());
    detail->set_retry_in_ms(feed.Signed());
    detail->set_ready_ms(feed.Word());
  }
}

void FillOddRest(Feed& feed, const Peer& peer, v1::Report* report) {
  for (size_t i = feed.Below(3); i > 0; --i) {
    v1::QueueSample* sample = report->add_queues();
    sample->set_probe(feed.Word());
    sample->set_term(feed.Whole());
    FillQueue(feed, sample);
  }
  for (size_t i = feed.Below(3); i > 0; --i) {
    report->add_removed(AnyId(feed, peer));
  }
  for (size_t i = feed.Below(2); i > 0; --i) {
    v1::StopReport* stop = report->add_stops();
    stop->set_replica_id(AnyId(feed, peer));
    stop->set_result(static_cast<v1::StopReport::Result>(feed.Below(8)));
    stop->set_signal_to_exit_ms(feed.Word());
  }
  for (size_t i = feed.Below(2); i > 0; --i) {
    AddFound(feed, peer, report->add_unknown());
  }
  if (feed.Chance(16)) {
    report->add_events()->set_replica_id(AnyId(feed, peer));
  }
  if (feed.Chance(16)) {
    report->mutable_capacity()->set_cpu_milli(feed.Signed());
    report->mutable_capacity()->set_memory_bytes(feed.Signed());
    report->mutable_capacity()->set_foreign_memory_bytes(feed.Signed());
  }
  if (feed.Chance(16)) {
    report->mutable_host()->set_pressure_cpu(static_cast<float>(feed.Byte()));
    report->mutable_host()->set_memory_total_bytes(feed.Signed());
  }
}

}  // namespace

void Peer::Obey(const controller::Assignment& assignment) {
  const bool full = assignment.base_revision.value() == 0;
  if (!full && (assignment.base_epoch != epoch || assignment.base_revision != revision)) {
    return;
  }
  if (full) {
    run.clear();
    remove.clear();
  }
  epoch = assignment.epoch;
  revision = assignment.revision;
  for (const controller::RunReplica& entry : assignment.run) {
    run[entry.id] = entry;
  }
  for (const controller::RemoveReplica& entry : assignment.remove) {
    run.erase(entry.id);
    remove.insert(entry.id);
  }
  for (const ReplicaId gone : assignment.forget) {
    run.erase(gone);
    remove.erase(gone);
  }
}

v1::Hello MakeHello(Feed& feed, const Peer& peer, const ClusterId& cluster) {
  v1::Hello hello;
  hello.set_node_id(peer.id.value());
  hello.set_name(std::string("host-") + peer.id.value().back());
  hello.set_cluster_id(feed.Chance(2) ? "other" : cluster.value());
  hello.set_engine_id(feed.Chance(2) ? "other" : "engine");
  hello.set_highest_epoch(Or(feed, peer.epoch.value()));
  hello.set_applied_epoch(Or(feed, peer.epoch.value()));
  hello.set_applied_revision(Or(feed, peer.revision.value()));
  hello.mutable_capacity()->set_cpu_milli(Or<int64_t>(feed, 8000));
  hello.mutable_capacity()->set_memory_bytes(Or<int64_t>(feed, 16LL << 30));
  hello.mutable_capacity()->set_foreign_cpu_milli(Or<int64_t>(feed, 0));
  hello.set_advertise_address("10.0.0.1");
  hello.set_port_first(Or<uint32_t>(feed, 20000));
  hello.set_port_last(Or<uint32_t>(feed, 20040));
  (*hello.mutable_labels())["zone"] = feed.Pick<const char*>({"x", "y"});
  if (peer.edge) {
    hello.mutable_edge()->set_kind("haproxy");
  }
  hello.set_boottime_ns(Or<int64_t>(feed, 1'000'000'000));
  if (feed.Chance(8)) {
    AddFound(feed, peer, hello.add_found());
  }
  return hello;
}

v1::Report HonestReport(Feed& feed, const Peer& peer) {
  v1::Report report;
  report.set_boottime_ns(Or<int64_t>(feed, 1'000'000'000));
  report.set_applied_epoch(peer.epoch.value());
  report.set_applied_revision(peer.revision.value());
  report.set_full(!feed.Chance(24));
  for (const auto& [id, run] : peer.run) {
    if (!report.full() || !feed.Chance(6)) {  // vanished
      AddRow(feed, run.handle, report.mutable_replicas());
    }
  }
  for (const ReplicaId id : peer.remove) {
    if (!feed.Chance(24)) {
      report.add_removed(id.value());
    }
  }
  for (const controller::Probe& probe : peer.probes) {
    v1::QueueSample* sample = report.add_queues();
    sample->set_probe(probe.handle);
    sample->set_term(Or(feed, probe.term));
    FillQueue(feed, sample);
  }
  if (peer.edge) {
    FillEdge(feed, peer, report.mutable_edge());
  }
  return report;
}

v1::Report OddReport(Feed& feed, const Peer& peer) {
  v1::Report report;
  report.set_boottime_ns(feed.Signed());
  report.set_applied_epoch(feed.Chance(128) ? feed.Whole() : peer.epoch.value());
  report.set_applied_revision(feed.Chance(128) ? feed.Whole() : peer.revision.value());
  report.set_full(feed.Chance(96));
  FillOddColumns(feed, report.mutable_replicas());
  FillOddRest(feed, peer, &report);
  if (feed.Chance(32)) {
    v1::EdgeSetStatus* set = report.mutable_edge()->add_sets();
    report.mutable_edge()->set_reachable(true);
    set->set_set(feed.Word());
    set->set_applied_epoch(feed.Whole());
    set->set_applied_revision(feed.Whole());
    set->add_replica_id(AnyId(feed, peer));
    set->add_in_flight(feed.Word());
    set->add_up(feed.Chance(128));
  }
  return report;
}

}  // namespace drover::fuzz
