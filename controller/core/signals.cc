#include "controller/core/signals.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "controller/core/edge_load.h"

namespace drover::controller {
namespace {

// A little work: of any target it asks for one replica.
constexpr double kTrace = 0.01;

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

std::optional<int64_t> ValueOf(const ReplicaSample& sample, SignalSpec::Kind kind) {
  if (kind == SignalSpec::Kind::kBacklog) {
    return sample.backlog;
  }
  return kind == SignalSpec::Kind::kCpu ? sample.cpu_milli : sample.memory_bytes;
}

double ReservedOf(const Resources& reserved, SignalSpec::Kind kind) {
  if (kind == SignalSpec::Kind::kBacklog) {
    return 0;
  }
  return static_cast<double>(kind == SignalSpec::Kind::kCpu ? reserved.cpu.value() : reserved.memory.value());
}

SignalInput OfReplicas(const Model& model, const Service& service, SignalSpec::Kind kind, Duration fresh_for,
                       std::optional<Instant>* next_change) {
  const bool cpu = kind == SignalSpec::Kind::kCpu;
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
    usage.reserved = ReservedOf(replica.record.reserved, kind);
    if (replica.state == ReplicaState::kReady && cpu) {
      const Instant warm = replica.ready_since + model.options.cpu_warmup;
      usage.warming_up = model.now < warm;
      if (usage.warming_up) {
        BringForward(next_change, warm);
      }
    }
    if (replica.sample && !lost) {
      const Duration age = model.now - replica.sampled;
      const std::optional<int64_t> value = ValueOf(*replica.sample, kind);
      if (age <= fresh_for && value) {
        usage.used = static_cast<double>(*value);
        usage.sample = {.age = age, .window = service.spec->autoscale->interval};
        input.age = std::max(input.age, age);
        BringForward(next_change, StaleAt(model.now, age, fresh_for));
      }
    }
    input.replicas.push_back(usage);
  }
  return input;
}

// What of the reading counts as work. An external scaler's IsActive decides about zero, as in KEDA: without
// it the value is that of none, with it of some.
double TotalOf(const QueueReading& reading, const SignalSpec& signal, int64_t min) {
  const double total = *reading.ready + reading.held.value_or(0);
  if (!reading.active.has_value() || min > 0) {
    return total;
  }
  return *reading.active ? std::max(total, signal.activation + 1) : 0;
}

// Absent: the value counts. Else why it does not.
std::optional<std::string> WhyUnknown(const Model& model, const QueueState& state, Duration fresh_for) {
  if (!state.spec.pushed.empty()) {
    if (!state.reading) {
      return absl::StrCat("never pushed since the controller started; POST /v1/metrics/STACK/",
                          state.spec.pushed);
    }
    const Duration age = model.now - state.measured;
    return age <= fresh_for
               ? std::nullopt
               : std::optional(absl::StrCat("last pushed ", AgeText(age), " ago; push it at least every ",
                                            absl::FormatDuration(fresh_for), " (stale_after)"));
  }
  if (state.primary.value().empty()) {
    return "no node can measure it";
  }
  if (!state.reading) {
    return absl::StrCat("not measured yet by ", model.NodeName(state.primary));
  }
  if (!state.reading->ready) {
    return state.reading->error;
  }
  if (!std::isfinite(*state.reading->ready + state.reading->held.value_or(0))) {
    return absl::StrCat(model.NodeName(state.primary), " measured what is no number");
  }
  const Duration age = model.now - state.measured;
  return age <= fresh_for ? std::nullopt
                          : std::optional(absl::StrCat("last measured ", AgeText(age), " ago by ",
                                                       model.NodeName(state.primary)));
}

SignalInput Queue(const Model& model, const Probes& probes, const Service& service, const SignalSpec& signal,
                  std::optional<Instant>* next_change) {
  SignalInput input;
  const QueueState* state = probes.Find(service.key.stack, signal.queue);
  if (state == nullptr) {
    input.unknown_reason = "no node can measure it";
    return input;
  }
  const AutoscaleSpec& spec = *service.spec->autoscale;
  const QueueSpec& queue = state->spec;
  const Duration fresh_for =
      !queue.pushed.empty()
          ? queue.stale_after
          : FreshFor(std::max({spec.interval, model.options.report_interval, queue.interval, queue.timeout}));
  if (state->reading) {
    input.age = model.now - state->measured;
  }
  if (std::optional<std::string> why = WhyUnknown(model, *state, fresh_for)) {
    input.unknown_reason = *std::move(why);
    return input;
  }
  BringForward(next_change, StaleAt(model.now, input.age, fresh_for));
  input.total = TotalOf(*state->reading, signal, spec.min);
  input.load = WaitingLoad{.waiting = *input.total - state->reading->held.value_or(0),
                           .running = state->reading->held,
                           .arrivals = std::nullopt,
                           .completions = std::nullopt,
                           .oldest = state->reading->oldest,
                           .slots = 1};
  return input;
}

// The whole, or the part that is known and why the rest is not.
SignalInput OfBalancer(const EdgeSum& sum, const EdgeLoad& load) {
  SignalInput input;
  input.age = load.age;
  if (sum.missing.empty()) {
    input.total = sum.value;
  } else {
    input.unknown_reason = sum.missing;
    if (sum.value > 0) {
      input.at_least = sum.value;
    }
  }
  return input;
}

// The balancers as one queue before replicas that take so many requests at a time.
SignalInput Queueing(const EdgeLoad& load) {
  SignalInput input;
  input.age = load.age;
  if (!load.slots) {
    input.unknown_reason = "a load balancer has no maxconn for it, so that nothing waits where it is seen";
  } else if (!load.in_flight.missing.empty() || !load.waiting.missing.empty()) {
    input.unknown_reason = load.in_flight.missing.empty() ? load.waiting.missing : load.in_flight.missing;
  } else {
    input.total = load.in_flight.value;
    input.load = WaitingLoad{.waiting = load.waiting.value,
                             .running = load.in_flight.value - load.waiting.value,
                             .arrivals = load.arrived,
                             .completions = load.finished,
                             .oldest = std::nullopt,
                             .slots = *load.slots};
  }
  return input;
}

// Requests too short to be caught in flight, or held since before the rate was counted: work all the same,
// which keeps a service from zero and wakes it from there.
void CountTraces(const EdgeLoad& load, SignalInput& input) {
  if (load.rate.value <= 0 && load.in_flight.value <= 0) {
    return;
  }
  if (input.total) {
    input.total = std::max(*input.total, kTrace);
  } else {
    input.at_least = std::max(input.at_least.value_or(0), kTrace);
  }
}

std::optional<MeasuredQuantile> QuantileOf(const RequestTimes& times, double quantile) {
  const std::optional<Duration> answered = times.answered.Quantile(quantile);
  const std::optional<Duration> replica = times.replica.Quantile(quantile);
  if (!answered || !replica) {
    return std::nullopt;
  }
  return MeasuredQuantile{.quantile = quantile,
                          .answered_s = absl::ToDoubleSeconds(*answered),
                          .replica_s = absl::ToDoubleSeconds(*replica),
                          .requests = times.answered.samples()};
}

// A mean is no promise about a quantile: an attached balancer has to tell of single requests.
SignalInput Latency(const EdgeLoad& load, double quantile, const std::string& service) {
  SignalInput input = Queueing(load);
  if (input.load && !load.untold.empty()) {
    input = {};
    input.age = load.age;
    input.unknown_reason =
        absl::StrCat("p", FormatNumber(quantile * 100), " can't be measured: ", load.untold,
                     "; `drover edge snippet ", service, "` shows the line to add, or scale on in_flight");
  } else if (input.load) {
    input.quantile = QuantileOf(load.times, quantile);
  }
  return input;
}

SignalInput Balancer(const EdgeLoad& load, const SignalSpec& signal, const Service& service) {
  const int64_t min = service.spec->autoscale->min;
  SignalInput input =
      signal.kind == SignalSpec::Kind::kLatency
          ? Latency(load, signal.latency ? signal.latency->quantile : 0.95, service.key.service)
      : signal.kind == SignalSpec::Kind::kRate ? OfBalancer(load.rate, load)
                                               : OfBalancer(load.in_flight, load);
  if (min == 0) {
    CountTraces(load, input);
  }
  return input;
}

}  // namespace

std::string AgeText(Duration age) { return absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(100))); }

Duration FreshFor(Duration interval) { return std::max(absl::Seconds(3), 3 * interval); }

Instant StaleAt(Instant now, Duration age, Duration fresh_for) {
  return now + (fresh_for - age) + absl::Milliseconds(1);
}

std::vector<SignalInput> MakeSignals(const Model& model, const Probes& probes, const Service& service,
                                     std::optional<Instant>* next_change) {
  const AutoscaleSpec& spec = *service.spec->autoscale;
  const Duration fresh_for = FreshFor(std::max(spec.interval, model.options.report_interval));
  std::optional<EdgeLoad> balancers;  // asked once for all signals of theirs
  std::vector<SignalInput> inputs;
  for (const SignalSpec& signal : spec.signals) {
    if (IsOfBalancer(signal.kind) && !balancers) {
      balancers = LoadOf(model, service, fresh_for);
      if (balancers->stale_at) {
        BringForward(next_change, *balancers->stale_at);
      }
    }
    switch (signal.kind) {
      case SignalSpec::Kind::kCpu:
      case SignalSpec::Kind::kMemory:
      case SignalSpec::Kind::kBacklog:
        inputs.push_back(OfReplicas(model, service, signal.kind, fresh_for, next_change));
        break;
      case SignalSpec::Kind::kQueue:
        inputs.push_back(Queue(model, probes, service, signal, next_change));
        break;
      case SignalSpec::Kind::kSchedule:
        inputs.push_back({});  // by the wall clock alone
        break;
      case SignalSpec::Kind::kInFlight:
      case SignalSpec::Kind::kRate:
      case SignalSpec::Kind::kLatency:
        inputs.push_back(Balancer(*balancers, signal, service));
        break;
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
