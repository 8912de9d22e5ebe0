#include "controller/core/signals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace drover::controller {
namespace {

void BringForward(std::optional<Instant>* next, Instant at) {
  if (!*next || at < **next) {
    *next = at;
  }
}

// The HPA's view of a replica. When its process started is not known once it is ready; the moment of
// readiness stands for it, which is never earlier.
ReplicaStatus StatusOf(const Model& model, const Replica& replica, bool lost) {
  ReplicaStatus status;
  const bool running = replica.state == ReplicaState::kReady || replica.state == ReplicaState::kRunning;
  status.phase = running || lost ? ReplicaPhase::kRunning : ReplicaPhase::kPending;
  status.ready = replica.state == ReplicaState::kReady || lost;
  const Duration changed = model.now - (*status.ready ? replica.ready_since : replica.since);
  status.ready_changed = changed;
  status.started_ago = !*status.ready && replica.was_ready ? absl::InfiniteDuration() : changed;
  return status;
}

SignalInput Utilization(const Model& model, const Service& service, bool cpu, Duration fresh_for,
                        std::optional<Instant>* next_change) {
  SignalInput input;
  for (const ReplicaId id : service.replicas) {
    const Replica& replica = model.replicas.at(id);
    // A lost replica counts as one whose sample is missing: a silent node never frees anybody (R4.2).
    const bool lost = replica.state == ReplicaState::kLost && !replica.record.superseded;
    if (!IsActive(replica.state) && !lost) {
      continue;
    }
    ReplicaUsage usage;
    usage.ready = replica.state == ReplicaState::kReady || lost;
    usage.status = StatusOf(model, replica, lost);
    const Resources reserved = replica.record.reserved;
    usage.reserved = static_cast<double>(cpu ? reserved.cpu.value() : reserved.memory.value());
    if (replica.state == ReplicaState::kReady && cpu) {
      const Instant warm = replica.ready_since + model.options.cpu_warmup;
      usage.warming_up = model.now < warm;
      if (usage.warming_up) {
        BringForward(next_change, warm);
      }
    }
    if (replica.sample && !lost) {
      const Duration age = model.now - replica.sampled;
      const std::optional<int64_t>& value = cpu ? replica.sample->cpu_milli : replica.sample->memory_bytes;
      if (age <= fresh_for && value) {
        usage.used = static_cast<double>(*value);
        usage.sample = {.age = age, .window = service.spec->autoscale->interval};
        input.age = std::max(input.age, age);
        BringForward(next_change, replica.sampled + fresh_for + absl::Milliseconds(1));
      }
    }
    input.replicas.push_back(usage);
  }
  return input;
}

SignalInput Queue(const Model& model, const Probes& probes, const Service& service, const SignalSpec& signal,
                  Duration fresh_for, std::optional<Instant>* next_change) {
  SignalInput input;
  const QueueState* state = probes.Find(service.key.stack, signal.queue);
  if (state == nullptr || state->primary.value().empty()) {
    input.unknown_reason = "no node can measure it";
    return input;
  }
  if (!state->reading) {
    input.unknown_reason = absl::StrCat("not measured yet by ", model.NodeName(state->primary));
    return input;
  }
  input.age = model.now - state->measured;
  if (input.age > fresh_for) {
    input.unknown_reason =
        absl::StrCat("last measured ", absl::FormatDuration(absl::Trunc(input.age, absl::Milliseconds(100))),
                     " ago by ", model.NodeName(state->primary));
    return input;
  }
  BringForward(next_change, state->measured + fresh_for + absl::Milliseconds(1));
  if (!state->reading->ready) {
    input.unknown_reason = state->reading->error;
    return input;
  }
  input.total = *state->reading->ready + state->reading->held.value_or(0);
  return input;
}

}  // namespace

Duration FreshFor(Duration interval) { return std::max(absl::Seconds(3), 3 * interval); }

std::vector<SignalInput> MakeSignals(const Model& model, const Probes& probes, const Service& service,
                                     std::optional<Instant>* next_change) {
  const AutoscaleSpec& spec = *service.spec->autoscale;
  const Duration fresh_for = FreshFor(std::max(spec.interval, model.options.report_interval));
  std::vector<SignalInput> inputs;
  for (const SignalSpec& signal : spec.signals) {
    switch (signal.kind) {
      case SignalSpec::Kind::kCpu:
        inputs.push_back(Utilization(model, service, /*cpu=*/true, fresh_for, next_change));
        break;
      case SignalSpec::Kind::kMemory:
        inputs.push_back(Utilization(model, service, /*cpu=*/false, fresh_for, next_change));
        break;
      case SignalSpec::Kind::kQueue:
        inputs.push_back(Queue(model, probes, service, signal, fresh_for, next_change));
        break;
      case SignalSpec::Kind::kSchedule:
        inputs.push_back({});  // by the wall clock alone
        break;
      case SignalSpec::Kind::kInFlight:
      case SignalSpec::Kind::kRate:
      case SignalSpec::Kind::kLatency:
      case SignalSpec::Kind::kBacklog:
      case SignalSpec::Kind::kForecast:
      case SignalSpec::Kind::kExternal:
        inputs.push_back({.replicas = {},
                          .total = std::nullopt,
                          .unknown_reason = "not measured by this version",
                          .age = {}});
        break;
    }
  }
  return inputs;
}

}  // namespace drover::controller
