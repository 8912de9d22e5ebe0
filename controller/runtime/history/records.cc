#include "controller/runtime/history/records.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "controller/runtime/convert.h"
#include "controller/runtime/history/memory.h"
#include "controller/runtime/history/segment.h"

namespace drover::controller {
namespace {

constexpr int64_t kForEverAgo = std::numeric_limits<int64_t>::min();
// Beyond it a double is not exact as an integer.
constexpr double kLargestWhole = 9007199254740992.0;

// Ages change all the time; what they are counted from does not.
int64_t AtOf(Duration age, Instant now) {
  return age == absl::InfiniteDuration() ? kForEverAgo : (now - age).nanoseconds();
}

Duration AgeOf(int64_t at, Instant now) {
  return at == kForEverAgo ? absl::InfiniteDuration() : now - Instant::FromNanoseconds(at);
}

template <typename To, typename From, typename Change>
std::optional<To> Map(const std::optional<From>& from, Change change) {
  return from ? std::optional<To>(change(*from)) : std::nullopt;
}

// From here on each struct of the engine is taken apart by naming all of its fields: a new one does not
// compile until it is kept too.

UsageRow RowOf(const ReplicaUsage& usage, Instant now) {
  const auto& [ready, warming_up, used, reserved, status, sample] = usage;
  const auto& [phase, deleting, status_ready, started_ago, ready_changed] = status;
  const auto& [age, window] = sample;
  const auto at = [now](Duration ago) { return AtOf(ago, now); };
  UsageRow row{.ready = ready, .warming_up = warming_up, .used = used, .reserved = reserved};
  row.phase = static_cast<uint32_t>(phase);
  row.deleting = deleting;
  row.status_ready = status_ready;
  row.started_at = Map<int64_t>(started_ago, at);
  row.changed_at = Map<int64_t>(ready_changed, at);
  row.window = window;
  if (age != absl::ZeroDuration() || window != absl::ZeroDuration()) {
    row.sampled_at = at(age);
  }
  return row;
}

ReplicaUsage UsageOf(const UsageRow& row, Instant now) {
  const auto ago = [now](int64_t at) { return AgeOf(at, now); };
  ReplicaUsage usage;
  usage.ready = row.ready;
  usage.warming_up = row.warming_up;
  usage.used = row.used;
  usage.reserved = row.reserved;
  usage.status.phase = static_cast<ReplicaPhase>(row.phase);
  usage.status.deleting = row.deleting;
  usage.status.ready = row.status_ready;
  usage.status.started_ago = Map<Duration>(row.started_at, ago);
  usage.status.ready_changed = Map<Duration>(row.changed_at, ago);
  if (row.sampled_at) {
    usage.sample = {.age = ago(*row.sampled_at), .window = row.window};
  }
  return usage;
}

v1::HistoryUsage ToProto(const UsageRow& row, size_t index, const UsageRow& before, Instant now) {
  using Usage = v1::HistoryUsage;
  v1::HistoryUsage out;
  out.set_index(static_cast<uint32_t>(index));
  uint32_t flags = Usage::PHASE * row.phase;
  const auto flag = [&flags](bool is, uint32_t value) { flags |= is ? value : 0; };
  flag(row.ready, Usage::READY);
  flag(row.warming_up, Usage::WARMING_UP);
  flag(row.deleting, Usage::DELETING);
  flag(row.status_ready.has_value(), Usage::READY_KNOWN);
  flag(row.status_ready.value_or(false), Usage::STATUS_READY);
  flag(row.started_at.has_value(), Usage::STARTED);
  flag(row.changed_at.has_value(), Usage::CHANGED);
  out.set_flags(flags);
  if (row.used) {
    const double used = *row.used;
    if (used == std::floor(used) && std::abs(used) < kLargestWhole && !std::signbit(used)) {
      out.set_whole(static_cast<int64_t>(used));
    } else {
      out.set_exact(used);
    }
  }
  if (row.reserved != before.reserved) {
    out.set_reserved(row.reserved);
  }
  if (row.started_at && row.started_at != before.started_at) {
    out.set_started_at_ns(*row.started_at);
  }
  if (row.changed_at && row.changed_at != before.changed_at) {
    out.set_changed_at_ns(*row.changed_at);
  }
  if (row.sampled_at) {
    out.set_sample_age_ns(now.nanoseconds() - *row.sampled_at);
  }
  if (row.window != before.window) {
    out.set_window_ns(absl::ToInt64Nanoseconds(row.window));
  }
  return out;
}

UsageRow ToCore(const v1::HistoryUsage& usage, const UsageRow& before, Instant now) {
  using Usage = v1::HistoryUsage;
  const auto is = [&usage](uint32_t flag) { return (usage.flags() & flag) != 0; };
  UsageRow row;
  row.ready = is(Usage::READY);
  row.warming_up = is(Usage::WARMING_UP);
  row.deleting = is(Usage::DELETING);
  row.phase = usage.flags() / Usage::PHASE % 4;
  if (is(Usage::READY_KNOWN)) {
    row.status_ready = is(Usage::STATUS_READY);
  }
  if (usage.used_case() == Usage::kWhole) {
    row.used = static_cast<double>(usage.whole());
  } else if (usage.used_case() == Usage::kExact) {
    row.used = usage.exact();
  }
  row.reserved = usage.has_reserved() ? usage.reserved() : before.reserved;
  if (is(Usage::STARTED)) {
    row.started_at = usage.has_started_at_ns() ? usage.started_at_ns() : before.started_at;
  }
  if (is(Usage::CHANGED)) {
    row.changed_at = usage.has_changed_at_ns() ? usage.changed_at_ns() : before.changed_at;
  }
  if (usage.has_sample_age_ns()) {
    row.sampled_at = now.nanoseconds() - usage.sample_age_ns();
  }
  row.window = usage.has_window_ns() ? absl::Nanoseconds(usage.window_ns()) : before.window;
  return row;
}

v1::HistoryLoad ToProto(const WaitingLoad& load) {
  const auto& [waiting, running, arrivals, completions, oldest, slots] = load;
  v1::HistoryLoad out;
  out.set_waiting(waiting);
  if (running) {
    out.set_running(*running);
  }
  if (arrivals) {
    out.set_arrivals(*arrivals);
  }
  if (completions) {
    out.set_completions(*completions);
  }
  if (oldest) {
    out.set_oldest_ns(absl::ToInt64Nanoseconds(*oldest));
  }
  if (slots != 1) {
    out.set_slots(slots);
  }
  return out;
}

WaitingLoad ToCore(const v1::HistoryLoad& load) {
  WaitingLoad out{.waiting = load.waiting()};
  if (load.has_running()) {
    out.running = load.running();
  }
  if (load.has_arrivals()) {
    out.arrivals = load.arrivals();
  }
  if (load.has_completions()) {
    out.completions = load.completions();
  }
  if (load.has_oldest_ns()) {
    out.oldest = absl::Nanoseconds(load.oldest_ns());
  }
  out.slots = load.has_slots() ? load.slots() : 1;
  return out;
}

v1::HistoryQuantile ToProto(const MeasuredQuantile& measured) {
  const auto& [quantile, answered_s, replica_s, requests] = measured;
  v1::HistoryQuantile out;
  out.set_quantile(quantile);
  out.set_answered_s(answered_s);
  out.set_replica_s(replica_s);
  out.set_requests(requests);
  return out;
}

MeasuredQuantile ToCore(const v1::HistoryQuantile& measured) {
  return {.quantile = measured.quantile(),
          .answered_s = measured.answered_s(),
          .replica_s = measured.replica_s(),
          .requests = measured.requests()};
}

KnownSignal KnownOf(const SignalInput& signal, Instant now) {
  const auto& [replicas, total, unknown_reason, age, load, fallback_replicas, at_least, quantile] = signal;
  KnownSignal known{.total = total,
                    .unknown_reason = unknown_reason,
                    .age = age,
                    .load = load,
                    .fallback_replicas = fallback_replicas,
                    .at_least = at_least,
                    .quantile = quantile};
  for (const ReplicaUsage& usage : replicas) {
    known.rows.push_back(RowOf(usage, now));
  }
  return known;
}

SignalInput InputOf(const KnownSignal& known, Instant now) {
  SignalInput signal;
  for (const UsageRow& row : known.rows) {
    signal.replicas.push_back(UsageOf(row, now));
  }
  signal.total = known.total;
  signal.unknown_reason = known.unknown_reason;
  signal.age = known.age;
  signal.load = known.load;
  signal.fallback_replicas = known.fallback_replicas;
  signal.at_least = known.at_least;
  signal.quantile = known.quantile;
  return signal;
}

// Absent: nothing changed. `before` null: all of it.
std::optional<v1::HistorySignal> Changes(const KnownSignal& now, const KnownSignal* before, size_t index,
                                         Instant at) {
  if (before != nullptr && now == *before) {
    return std::nullopt;
  }
  v1::HistorySignal out;
  out.set_index(static_cast<uint32_t>(index));
  out.set_replaced(before == nullptr || before->rows.size() != now.rows.size());
  UsageRow above;
  for (size_t i = 0; i < now.rows.size(); ++i) {
    if (out.replaced()) {
      *out.add_rows() = ToProto(now.rows[i], i, above, at);
      above = now.rows[i];
    } else if (now.rows[i] != before->rows[i]) {
      *out.add_rows() = ToProto(now.rows[i], i, before->rows[i], at);
    }
  }
  if (now.total) {
    out.set_total(*now.total);
  }
  out.set_unknown_reason(now.unknown_reason);
  out.set_age_ns(absl::ToInt64Nanoseconds(now.age));
  if (now.load) {
    *out.mutable_load() = ToProto(*now.load);
  }
  if (now.fallback_replicas) {
    out.set_fallback_replicas(*now.fallback_replicas);
  }
  if (now.at_least) {
    out.set_at_least(*now.at_least);
  }
  if (now.quantile) {
    *out.mutable_quantile() = ToProto(*now.quantile);
  }
  return out;
}

// False: not what Changes makes.
bool Apply(const v1::HistorySignal& changes, Instant at, KnownSignal& signal) {
  if (changes.replaced()) {
    signal.rows.clear();
    UsageRow above;
    for (const v1::HistoryUsage& row : changes.rows()) {
      signal.rows.push_back(ToCore(row, above, at));
      above = signal.rows.back();
    }
  } else {
    for (const v1::HistoryUsage& row : changes.rows()) {
      if (row.index() >= signal.rows.size()) {
        return false;
      }
      signal.rows[row.index()] = ToCore(row, signal.rows[row.index()], at);
    }
  }
  signal.total = changes.has_total() ? std::optional(changes.total()) : std::nullopt;
  signal.unknown_reason = changes.unknown_reason();
  signal.age = absl::Nanoseconds(changes.age_ns());
  signal.load = changes.has_load() ? std::optional(ToCore(changes.load())) : std::nullopt;
  signal.fallback_replicas =
      changes.has_fallback_replicas() ? std::optional(changes.fallback_replicas()) : std::nullopt;
  signal.at_least = changes.has_at_least() ? std::optional(changes.at_least()) : std::nullopt;
  signal.quantile = changes.has_quantile() ? std::optional(ToCore(changes.quantile())) : std::nullopt;
  return true;
}

// All but the signals and the spec.
void PutInput(const DecideInput& input, v1::HistoryRecord& record) {
  const auto& [now, wall, service, spec, current, ready, observed, startups, signals, paused, pause_down_only,
               held, scale_down_blocked, blocked_reason, paused_until, held_until] = input;
  record.set_wall_ns(absl::ToUnixNanos(wall));
  record.set_stack(service.stack);
  record.set_service(service.service);
  v1::HistoryEvaluation& out = *record.mutable_evaluation();
  out.set_now_ns(now.nanoseconds());
  out.set_current(current);
  out.set_ready(ready);
  out.set_paused(paused);
  out.set_pause_down_only(pause_down_only);
  out.set_scale_down_blocked(scale_down_blocked);
  out.set_blocked_reason(blocked_reason);
  for (const Duration startup : startups) {
    out.add_startups_ns(absl::ToInt64Nanoseconds(startup));
  }
  if (observed) {
    out.set_observed(*observed);
  }
  if (held) {
    out.set_held(*held);
  }
  if (paused_until) {
    out.set_paused_until_ns(absl::ToUnixNanos(*paused_until));
  }
  if (held_until) {
    out.set_held_until_ns(absl::ToUnixNanos(*held_until));
  }
}

DecideInput TakeInput(const v1::HistoryRecord& record) {
  const v1::HistoryEvaluation& in = record.evaluation();
  DecideInput out;
  out.now = Instant::FromNanoseconds(in.now_ns());
  out.wall = absl::FromUnixNanos(record.wall_ns());
  out.service = {record.stack(), record.service()};
  out.current = in.current();
  out.ready = in.ready();
  out.paused = in.paused();
  out.pause_down_only = in.pause_down_only();
  out.scale_down_blocked = in.scale_down_blocked();
  out.blocked_reason = in.blocked_reason();
  for (const int64_t startup : in.startups_ns()) {
    out.startups.push_back(absl::Nanoseconds(startup));
  }
  if (in.has_observed()) {
    out.observed = in.observed();
  }
  if (in.has_held()) {
    out.held = in.held();
  }
  if (in.has_paused_until_ns()) {
    out.paused_until = absl::FromUnixNanos(in.paused_until_ns());
  }
  if (in.has_held_until_ns()) {
    out.held_until = absl::FromUnixNanos(in.held_until_ns());
  }
  return out;
}

// Says something that the one before did not: more than other figures.
bool IsNews(const Decision& decision, const Decision& before) {
  const auto same_name = [](const Clamp& a, const Clamp& b) { return a.name == b.name; };
  const auto same_reason = [](const Condition& a, const Condition& b) {
    return a.holds == b.holds && a.reason == b.reason;
  };
  return decision.desired != decision.current || decision.desired != before.desired ||
         decision.reason != before.reason || decision.winner != before.winner ||
         !std::equal(decision.clamps.begin(), decision.clamps.end(), before.clamps.begin(),
                     before.clamps.end(), same_name) ||
         !std::equal(decision.conditions.begin(), decision.conditions.end(), before.conditions.begin(),
                     before.conditions.end(), same_reason);
}

}  // namespace

uint32_t DecisionSum(const Decision& decision) {
  v1::Decision bare = controller::ToProto(decision);
  bare.clear_choices();
  bare.clear_blocked();
  return Checksum(bare.SerializeAsString());
}

v1::HistoryRecord ToRecord(const Outcome& outcome) {
  v1::HistoryRecord record;
  record.set_wall_ns(absl::ToUnixNanos(outcome.at));
  record.set_stack(outcome.service.stack);
  record.set_service(outcome.service.service);
  v1::HistoryOutcome& out = *record.mutable_outcome();
  out.set_decision(outcome.decision);
  for (const Choice& choice : outcome.choices) {
    *out.add_choices() = controller::ToProto(choice);
  }
  out.mutable_blocked()->Assign(outcome.blocked.begin(), outcome.blocked.end());
  return record;
}

v1::HistoryRecord ToRecord(const EventRecord& event) {
  v1::HistoryRecord record;
  record.set_wall_ns(absl::ToUnixNanos(event.at));
  record.set_stack(event.service.stack);
  record.set_service(event.service.service);
  *record.mutable_event() = controller::ToProto(event);
  return record;
}

std::optional<v1::HistoryRecord> HistoryEncoder::Encode(const Evaluation& evaluation) {
  const DecideInput& input = evaluation.input;
  const bool full = evaluation.before.has_value();
  const auto found = known_.find(input.service);
  if (!full && (found == known_.end() || found->second.spec != evaluation.spec)) {
    return std::nullopt;
  }
  Known& known = known_[input.service];
  v1::HistoryRecord record;
  PutInput(input, record);
  v1::HistoryEvaluation& out = *record.mutable_evaluation();
  out.set_id(evaluation.id);
  out.set_full(full);
  if (!full) {
    out.set_step(evaluation.id - known.id);
  } else {
    out.set_gap(gap_.erase(input.service) > 0);
    out.mutable_spec()->ParseFromString(evaluation.spec->source);
    *out.mutable_before() = ToProto(*evaluation.before);
  }
  known.signals.resize(input.signals.size());
  for (size_t i = 0; i < input.signals.size(); ++i) {
    KnownSignal signal = KnownOf(input.signals[i], input.now);
    if (auto changes = Changes(signal, full ? nullptr : &known.signals[i], i, input.now)) {
      *out.add_signals() = *std::move(changes);
    }
    known.signals[i] = std::move(signal);
  }
  out.set_decision_sum(DecisionSum(*evaluation.decision));
  if (full || IsNews(*evaluation.decision, known.told)) {
    *out.mutable_decision() = controller::ToProto(*evaluation.decision);
    known.told = *evaluation.decision;
  }
  known.id = evaluation.id;
  known.spec = evaluation.spec;
  return record;
}

void HistoryEncoder::NoteGap() {
  for (const auto& [service, known] : known_) {
    gap_[service] = true;
  }
  known_.clear();
}

std::optional<HistoryDecoder::Decoded> HistoryDecoder::Decode(const v1::HistoryRecord& record) {
  const v1::HistoryEvaluation& in = record.evaluation();
  if (in.now_ns() == 0) {
    return std::nullopt;  // thinned: the decision alone
  }
  if (in.full()) {
    auto spec = std::make_shared<AutoscaleSpec>(controller::ToCore(in.spec()));
    signals_.emplace(spec->signals.size());
    spec_ = std::move(spec);
  }
  if (!in.full() && id_ + in.step() != in.id()) {
    signals_.reset();
  }
  id_ = in.id();
  if (!signals_) {
    return std::nullopt;
  }
  for (const v1::HistorySignal& changes : in.signals()) {
    if (changes.index() >= signals_->size() ||
        !Apply(changes, Instant::FromNanoseconds(in.now_ns()), (*signals_)[changes.index()])) {
      signals_.reset();
      return std::nullopt;
    }
  }
  Decoded out;
  out.sum = in.decision_sum();
  out.gap = in.gap();
  out.evaluation.id = in.id();
  out.evaluation.input = TakeInput(record);
  for (const KnownSignal& signal : *signals_) {
    out.evaluation.input.signals.push_back(InputOf(signal, out.evaluation.input.now));
  }
  out.evaluation.input.spec = spec_.get();
  out.evaluation.spec = spec_;
  if (in.has_before()) {
    out.evaluation.before = ToCore(in.before());
  }
  if (in.has_decision()) {
    out.evaluation.decision = std::make_shared<const Decision>(controller::ToCore(in.decision()));
  }
  return out;
}

}  // namespace drover::controller
