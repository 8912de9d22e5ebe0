#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"

namespace drover::controller {
namespace {

using Faults = std::vector<std::string>;

template <typename List>
size_t Size(const List& list) {
  return static_cast<size_t>(list.size());
}

Duration Millis(int64_t ms) { return absl::Milliseconds(std::max<int64_t>(ms, 0)); }

std::optional<ReplicaState> ToState(uint32_t number) {
  for (const ReplicaState state : kAllReplicaStates) {
    if (static_cast<uint32_t>(state) == number) {
      return state;
    }
  }
  return std::nullopt;
}

// What a node can offer is never negative, whatever its agent computed.
Resources ToCore(const v1::Capacity& capacity) {
  return {.cpu = MilliCpu(std::max<int64_t>(capacity.cpu_milli(), 0)),
          .memory = Bytes(std::max<int64_t>(capacity.memory_bytes(), 0))};
}

FoundReplica ToCore(const v1::FoundReplica& found) {
  return {.id = ReplicaId(found.replica_id()),
          .cluster = ClusterId(found.cluster_id()),
          .stack = found.stack(),
          .service = found.service(),
          .name = found.name(),
          .container_id = found.container_id(),
          .state = ToState(static_cast<uint32_t>(found.state())).value_or(ReplicaState::kRunning)};
}

// One column of values with its validity bitmap. What can't be trusted reads as unknown.
class Column {
 public:
  Column(absl::string_view name, const google::protobuf::RepeatedField<uint32_t>& values,
         const std::string& valid, size_t rows, Faults& faults)
      : values_(values), valid_(valid) {
    if (values.empty()) {
      return;
    }
    if (Size(values) != rows || (!valid.empty() && valid.size() < (rows + 7) / 8)) {
      faults.push_back(absl::StrCat("replicas.", name, ": ", values.size(), " values and ", valid.size(),
                                    " bytes of validity for ", rows, " rows"));
      return;
    }
    usable_ = true;
  }

  std::optional<int64_t> At(size_t row) const {
    if (!usable_) {
      return std::nullopt;
    }
    const bool known =
        valid_.empty() || ((static_cast<unsigned char>(valid_[row / 8]) >> (row % 8)) & 1U) != 0;
    return known ? std::optional<int64_t>(values_.Get(static_cast<int>(row))) : std::nullopt;
  }

 private:
  const google::protobuf::RepeatedField<uint32_t>& values_;
  const std::string& valid_;
  bool usable_ = false;
};

// False when rows are missing from the result, so that it can't be taken as complete.
bool ToCore(const v1::ReplicaColumns& columns, std::vector<ReplicaSample>& out, Faults& faults) {
  const size_t rows = Size(columns.handle());
  if (Size(columns.state()) != rows) {
    faults.push_back(absl::StrCat("replicas.state: ", columns.state_size(), " values for ", rows, " rows"));
    return false;
  }
  const Column cpu("cpu_milli", columns.cpu_milli(), columns.cpu_valid(), rows, faults);
  const Column memory("memory_kib", columns.memory_kib(), columns.memory_valid(), rows, faults);
  const Column busy("busy", columns.busy(), columns.busy_valid(), rows, faults);
  const Column backlog("backlog", columns.backlog(), columns.backlog_valid(), rows, faults);
  const std::string all_known;
  const Column age("age_ms", columns.age_ms(), all_known, rows, faults);
  bool complete = true;
  out.reserve(rows);
  for (size_t i = 0; i < rows; ++i) {
    const int row = static_cast<int>(i);
    const auto state = ToState(columns.state(row));
    if (!state.has_value()) {
      faults.push_back(absl::StrCat("replicas.state: ", columns.state(row), " is no state"));
      complete = false;
      continue;
    }
    ReplicaSample& sample = out.emplace_back();
    sample.handle = columns.handle(row);
    sample.state = *state;
    // A value of unknown age can't be told from a stale one (R4.1).
    if (const auto age_ms = age.At(i)) {
      sample.age = Millis(*age_ms);
      sample.cpu_milli = cpu.At(i);
      sample.busy = busy.At(i);
      sample.backlog = backlog.At(i);
      if (const auto kib = memory.At(i)) {
        sample.memory_bytes = *kib * 1024;
      }
    }
  }
  return complete;
}

ReplicaDetail ToCore(const v1::ReplicaDetail& detail) {
  ReplicaDetail out;
  out.handle = detail.handle();
  out.container_id = detail.container_id();
  out.address = detail.address();
  if (detail.has_exited()) {
    out.exit_code = detail.exit_code();
  }
  out.oom_killed = detail.oom_killed();
  out.reason = detail.reason();
  out.message = detail.message();
  out.restarts = detail.restarts();
  out.retry_in = Millis(detail.retry_in_ms());
  out.health = detail.health();
  out.pull = Millis(detail.pull_ms());
  out.create = Millis(detail.create_ms());
  out.start = Millis(detail.start_ms());
  out.ready = Millis(detail.ready_ms());
  return out;
}

HostSample ToCore(const v1::HostSample& host) {
  const auto pressure = [](float percent) {
    return percent >= 0 ? std::optional<double>(percent) : std::nullopt;
  };
  HostSample out;
  out.cpu_milli = host.has_cpu_milli() ? std::optional<int64_t>(host.cpu_milli()) : std::nullopt;
  out.cpu_count = host.cpu_count();
  if (host.has_memory_total_bytes()) {
    out.memory_total = Bytes(host.memory_total_bytes());
  }
  if (host.has_memory_available_bytes()) {
    out.memory_available = Bytes(host.memory_available_bytes());
  }
  out.pressure_cpu = pressure(host.pressure_cpu());
  out.pressure_memory = pressure(host.pressure_memory());
  out.pressure_io = pressure(host.pressure_io());
  out.containers = host.containers();
  return out;
}

QueueReading ToCore(const v1::QueueSample& sample, Faults& faults) {
  QueueReading out;
  out.probe = sample.probe();
  out.term = sample.term();
  out.age = Millis(sample.age_ms());
  out.error = sample.error();
  if (!sample.known()) {
    return out;
  }
  if (!IsAmount(sample.ready())) {
    out.error = absl::StrCat("the agent sent ", sample.ready(), " as the number of jobs");
    faults.push_back(absl::StrCat("queues: probe ", sample.probe(), ": ", out.error));
    return out;
  }
  out.ready = sample.ready();
  if (sample.has_active()) {
    out.active = sample.active();
  }
  if (sample.has_held() && IsAmount(sample.held())) {
    out.held = sample.held();
  }
  if (sample.has_workers() && IsAmount(sample.workers())) {
    out.workers = sample.workers();
  }
  if (sample.has_oldest_seconds() && IsAmount(sample.oldest_seconds())) {
    out.oldest = absl::Seconds(sample.oldest_seconds());
  }
  return out;
}

RequestTimes ToCore(const v1::RequestTimes& times) {
  return {.answered = DurationHistogram::FromCounts({times.counts().begin(), times.counts().end()}),
          .replica =
              DurationHistogram::FromCounts({times.replica_counts().begin(), times.replica_counts().end()}),
          .dropped = times.dropped()};
}

EdgeStatus ToCore(const v1::EdgeReport& report, Faults& faults) {
  EdgeStatus out;
  out.instance = report.instance();
  out.reachable = report.reachable();
  out.reloads = report.reloads();
  out.error = report.error();
  for (const v1::EdgeSetStatus& set : report.sets()) {
    if (set.in_flight_size() != set.replica_id_size() || set.up_size() != set.replica_id_size()) {
      faults.push_back(absl::StrCat("edge.sets: set ", set.set(), ": columns of different length"));
      continue;
    }
    EdgeSetStatus& status = out.sets.emplace_back();
    status.set = set.set();
    status.applied_epoch = Epoch(set.applied_epoch());
    status.applied_revision = Revision(set.applied_revision());
    const bool counted = set.server_requests_size() == set.replica_id_size() &&
                         set.server_errors_size() == set.replica_id_size();
    for (int i = 0; i < set.replica_id_size(); ++i) {
      EdgeServer& server = status.servers.emplace_back();
      server.replica = ReplicaId(set.replica_id(i));
      server.in_flight = set.in_flight(i);
      server.up = set.up(i);
      if (counted) {
        server.requests_total = set.server_requests(i);
        server.errors_total = set.server_errors(i);
      }
    }
    if (set.has_held()) {
      status.held = set.held();
    }
    if (set.has_queued()) {
      status.queued = set.queued();
    }
    if (set.has_rate() && IsAmount(set.rate())) {
      status.rate = set.rate();
    }
    if (set.has_requests_total()) {
      status.requests_total = set.requests_total();
    }
    if (set.has_finished_total()) {
      status.finished_total = set.finished_total();
    }
    if (set.has_errors_total()) {
      status.errors_total = set.errors_total();
    }
    status.closed_total = set.closed_total();
    if (set.has_times()) {
      status.times = ToCore(set.times());
    }
    status.at_least = set.at_least();
    status.error = set.error();
    status.age = Millis(set.age_ms());
  }
  return out;
}

std::optional<StopResult::Result> ToCore(v1::StopReport::Result result) {
  switch (result) {
    case v1::StopReport::CLEAN:
      return StopResult::Result::kClean;
    case v1::StopReport::TIMED_OUT:
      return StopResult::Result::kTimedOut;
    case v1::StopReport::KILLED_WITH_WORK:
      return StopResult::Result::kKilledWithWork;
    case v1::StopReport::FORCED:
      return StopResult::Result::kForced;
    case v1::StopReport::ALREADY_GONE:
      return StopResult::Result::kAlreadyGone;
    default:
      return std::nullopt;
  }
}

void AddStops(const v1::Report& report, NodeReport& out, Faults& faults) {
  for (const v1::StopReport& stop : report.stops()) {
    const auto result = ToCore(stop.result());
    if (!result.has_value() || stop.replica_id() == 0) {
      faults.push_back("stops: an entry without replica or result");
      continue;
    }
    out.stops.push_back({.replica = ReplicaId(stop.replica_id()),
                         .result = *result,
                         .exit_code = stop.exit_code(),
                         .signal_to_exit = Millis(stop.signal_to_exit_ms()),
                         .detail = stop.detail()});
  }
}

void AddFound(const google::protobuf::RepeatedPtrField<v1::FoundReplica>& from,
              std::vector<FoundReplica>& out) {
  for (const v1::FoundReplica& found : from) {
    if (found.replica_id() != 0) {
      out.push_back(ToCore(found));
    }
  }
}

}  // namespace

absl::StatusOr<NodeConnected> ToCore(const v1::Hello& hello, Instant now, StreamId stream) {
  // Node ids have the form of replica ids: 16 hex digits, not zero.
  if (!ParseReplicaId(hello.node_id()).ok()) {
    return absl::InvalidArgumentError(absl::StrCat("node id \"", hello.node_id(), "\" is not 16 hex digits"));
  }
  NodeConnected out;
  out.now = now;
  out.node = NodeId(hello.node_id());
  out.stream = stream;
  out.name = hello.name().empty() ? hello.node_id() : hello.name();
  out.cluster = ClusterId(hello.cluster_id());
  out.boot_id = hello.boot_id();
  out.engine_id = hello.engine_id();
  out.highest_epoch = Epoch(hello.highest_epoch());
  out.applied_epoch = Epoch(hello.applied_epoch());
  out.applied_revision = Revision(hello.applied_revision());
  out.capacity = ToCore(hello.capacity());
  out.labels.assign(hello.labels().begin(), hello.labels().end());
  std::sort(out.labels.begin(), out.labels.end());
  out.address = hello.advertise_address();
  out.port_first = hello.port_first();
  out.port_last = hello.port_last();
  out.edge = hello.has_edge();
  out.edge_bind = hello.edge().bind();
  AddFound(hello.found(), out.found);
  out.sent = Instant::FromNanoseconds(hello.boottime_ns());
  out.version = hello.version();
  out.metrics_address = hello.metrics_address();
  const v1::EngineInfo& engine = hello.engine();
  out.engine = {.version = engine.version(),
                .api_version = engine.api_version(),
                .cgroup_version = engine.cgroup_version(),
                .kernel = engine.kernel(),
                .os = engine.os()};
  return out;
}

NodeReport ToCore(const v1::Report& report, const Received& received, std::vector<std::string>& faults) {
  NodeReport out;
  out.now = received.now;
  out.node = received.node;
  out.stream = received.stream;
  out.sent = Instant::FromNanoseconds(report.boottime_ns());
  out.applied_epoch = Epoch(report.applied_epoch());
  out.applied_revision = Revision(report.applied_revision());
  // A row that could not be read must not look like a replica that is gone (R1.5).
  out.full = ToCore(report.replicas(), out.replicas, faults) && report.full();
  for (const v1::ReplicaDetail& detail : report.replicas().detail()) {
    out.details.push_back(ToCore(detail));
  }
  if (report.has_host()) {
    out.host = ToCore(report.host());
  }
  for (const v1::QueueSample& sample : report.queues()) {
    out.queues.push_back(ToCore(sample, faults));
  }
  if (report.has_edge()) {
    out.edge = ToCore(report.edge(), faults);
  }
  AddStops(report, out, faults);
  for (const v1::AgentEvent& event : report.events()) {
    out.notices.push_back({.reason = event.reason(),
                           .message = event.message(),
                           .replica = ReplicaId(event.replica_id()),
                           .warning = event.warning()});
  }
  AddFound(report.unknown(), out.unknown);
  for (const v1::StuckCall& stuck : report.stuck()) {
    out.stuck.push_back({.call = stuck.call(), .since = Millis(stuck.since_ms())});
  }
  for (const uint64_t id : report.removed()) {
    out.removed.emplace_back(id);
  }
  if (report.has_capacity()) {
    out.capacity = ToCore(report.capacity());
  }
  return out;
}

NeedFull ToCore(const v1::NeedFull&, const Received& received) {
  return {.now = received.now, .node = received.node, .stream = received.stream};
}

}  // namespace drover::controller
