#include "agent/runtime/report.h"

#include <algorithm>
#include <limits>

#include "agent/runtime/convert.h"
#include "common/utf8.h"

namespace drover::agent {
namespace {

uint32_t Milliseconds(Duration d) {
  return static_cast<uint32_t>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(d), 0, std::numeric_limits<uint32_t>::max()));
}

uint32_t Clamp32(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, std::numeric_limits<uint32_t>::max()));
}

// A column under construction: values, and which of them are known.
class Column {
 public:
  Column(google::protobuf::RepeatedField<uint32_t>* values, std::string* bitmap)
      : values_(values), bitmap_(bitmap) {}

  void Add(std::optional<int64_t> value) {
    if (value) {
      SetBit(*bitmap_, static_cast<size_t>(values_->size()));
    } else {
      all_known_ = false;
    }
    values_->Add(Clamp32(value.value_or(0)));
  }

  // An empty bitmap says "all known"; with nothing known it must say so in bits.
  void Finish() {
    if (all_known_) {
      bitmap_->clear();
    } else {
      bitmap_->resize((static_cast<size_t>(values_->size()) + 7) / 8, '\0');
    }
  }

 private:
  google::protobuf::RepeatedField<uint32_t>* values_;
  std::string* bitmap_;
  bool all_known_ = true;
};

v1::ReplicaDetail DetailOf(const ReplicaStatus& status, Instant now) {
  v1::ReplicaDetail detail;
  detail.set_handle(status.handle);
  detail.set_container_id(status.container_id);
  detail.set_address(status.address);
  detail.set_has_exited(status.exit_code.has_value());
  detail.set_exit_code(status.exit_code.value_or(0));
  detail.set_oom_killed(status.oom_killed);
  detail.set_reason(status.reason);
  detail.set_message(ValidUtf8(status.message));  // with log lines: any bytes
  detail.set_restarts(status.restarts);
  if (status.retry_at && *status.retry_at > now) {
    detail.set_retry_in_ms(absl::ToInt64Milliseconds(*status.retry_at - now));
  }
  detail.set_health(ValidUtf8(status.health));
  detail.set_pull_ms(Milliseconds(status.pull));
  detail.set_create_ms(Milliseconds(status.create));
  detail.set_start_ms(Milliseconds(status.start));
  detail.set_ready_ms(Milliseconds(status.ready));
  return detail;
}

}  // namespace

void SetBit(std::string& bitmap, size_t i) {
  if (bitmap.size() <= i / 8) {
    bitmap.resize(i / 8 + 1, '\0');
  }
  bitmap[i / 8] = static_cast<char>(static_cast<unsigned char>(bitmap[i / 8]) | (1u << (i % 8)));
}

bool IsKnown(const std::string& bitmap, size_t i) {
  if (bitmap.empty()) {
    return true;
  }
  return i / 8 < bitmap.size() && (static_cast<unsigned char>(bitmap[i / 8]) >> (i % 8) & 1) != 0;
}

void ReportPacker::PackReplicas(const ReportInput& input, bool full, v1::Report& report) {
  v1::ReplicaColumns& columns = *report.mutable_replicas();
  Column cpu(columns.mutable_cpu_milli(), columns.mutable_cpu_valid());
  Column memory(columns.mutable_memory_kib(), columns.mutable_memory_valid());
  Column busy(columns.mutable_busy(), columns.mutable_busy_valid());
  Column backlog(columns.mutable_backlog(), columns.mutable_backlog_valid());
  std::map<uint32_t, Row> now_sent;
  for (const ReplicaStatus& status : input.snapshot->replicas) {
    if (status.handle == 0 || !input.snapshot->known) {
      continue;
    }
    v1::ReplicaDetail detail = DetailOf(status, input.now);
    Row row{static_cast<uint32_t>(status.state), ""};
    // The count-down alone is no change.
    v1::ReplicaDetail compared = detail;
    compared.set_retry_in_ms(detail.retry_in_ms() > 0 ? 1 : 0);
    row.detail = compared.SerializeAsString();
    auto before = sent_.find(status.handle);
    bool detail_changed = full || before == sent_.end() || before->second.detail != row.detail;
    bool state_changed = full || before == sent_.end() || before->second.state != row.state;
    auto sample = input.samples.find(status.id);
    bool sampled = sample != input.samples.end();
    now_sent[status.handle] = row;
    if (!detail_changed && !state_changed && !sampled) {
      continue;
    }
    columns.add_handle(status.handle);
    columns.add_state(row.state);
    cpu.Add(sampled ? sample->second.cpu_milli : std::nullopt);
    memory.Add(sampled && sample->second.memory_bytes
                   ? std::optional<int64_t>(*sample->second.memory_bytes / 1024)
                   : std::nullopt);
    busy.Add(std::nullopt);
    backlog.Add(sampled ? sample->second.backlog : std::nullopt);
    columns.add_age_ms(sampled ? Milliseconds(input.now - sample->second.read_at) : 0);
    if (detail_changed) {
      *columns.add_detail() = std::move(detail);
    }
  }
  for (Column* column : {&cpu, &memory, &busy, &backlog}) {
    column->Finish();
  }
  sent_ = std::move(now_sent);
}

v1::Report ReportPacker::Pack(const ReportInput& input) {
  v1::Report report;
  bool full = input.snapshot->known && (!last_full_ || input.now - *last_full_ >= full_every_);
  if (full) {
    last_full_ = input.now;
  }
  report.set_sequence(++sequence_);
  report.set_boottime_ns(input.now.nanoseconds());
  report.set_applied_epoch(input.snapshot->epoch.value());
  report.set_applied_revision(input.snapshot->revision.value());
  report.set_full(full);
  PackReplicas(input, full, report);
  if (input.host) {
    *report.mutable_host() = *input.host;
  }
  for (const v1::QueueSample& queue : input.queues) {
    *report.add_queues() = queue;
  }
  if (input.edge) {
    *report.mutable_edge() = EdgeToWire(*input.edge, input.now);
  }
  for (const StopResult& stop : input.snapshot->stops) {
    *report.add_stops() = StopToWire(stop);
  }
  for (const auto& [notice, at] : input.notices) {
    v1::AgentEvent& event = *report.add_events();
    event.set_reason(notice.reason);
    event.set_message(ValidUtf8(notice.message));
    event.set_replica_id(notice.replica.value());
    event.set_warning(notice.warning);
    event.set_age_ms(Milliseconds(input.now - at));
  }
  for (const UnknownReplica& unknown : input.snapshot->unknown) {
    *report.add_unknown() = FoundToWire(unknown.container);
  }
  for (const Calls::Stuck& stuck : input.stuck) {
    v1::StuckCall& call = *report.add_stuck();
    call.set_call(stuck.name);
    call.set_since_ms(Milliseconds(stuck.since));
  }
  if (input.capacity) {
    std::string bytes = input.capacity->SerializeAsString();
    if (full || bytes != sent_capacity_) {
      *report.mutable_capacity() = *input.capacity;
      sent_capacity_ = bytes;
    }
  }
  for (ReplicaId id : input.snapshot->removed) {
    report.add_removed(id.value());
  }
  return report;
}

}  // namespace drover::agent
