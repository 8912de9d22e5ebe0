#include "controller/runtime/history/records.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "controller/runtime/convert.h"
#include "controller/runtime/history/segment.h"

namespace drover::controller {
namespace {

// So much of a service is lost at most when a record is damaged.
constexpr Duration kWholeEvery = absl::Minutes(5);

constexpr uint32_t kReady = 1;
constexpr uint32_t kWarmingUp = 2;
// Beyond it a double is not exact as an integer.
constexpr double kLargestWhole = 9007199254740992.0;

Instant InstantOf(int64_t ns) { return Instant::FromNanoseconds(ns); }

// Each of these names every field of its struct: a new one does not compile until it is kept too.

bool SameUsage(const ReplicaUsage& a, const ReplicaUsage& b) {
  const auto& [ready, warming_up, used, reserved] = a;
  return ready == b.ready && warming_up == b.warming_up && used == b.used && reserved == b.reserved;
}

v1::HistoryUsage ToProto(const ReplicaUsage& usage, size_t index, double reserved_before) {
  const auto& [ready, warming_up, used, reserved] = usage;
  v1::HistoryUsage out;
  out.set_index(static_cast<uint32_t>(index));
  out.set_flags((ready ? kReady : 0) | (warming_up ? kWarmingUp : 0));
  if (used) {
    const bool whole = *used == std::floor(*used) && std::abs(*used) < kLargestWhole && !std::signbit(*used);
    if (whole) {
      out.set_whole(static_cast<int64_t>(*used));
    } else {
      out.set_exact(*used);
    }
  }
  if (reserved != reserved_before) {
    out.set_reserved(reserved);
  }
  return out;
}

ReplicaUsage ToCore(const v1::HistoryUsage& usage, double reserved_before) {
  ReplicaUsage out;
  auto& [ready, warming_up, used, reserved] = out;
  ready = (usage.flags() & kReady) != 0;
  warming_up = (usage.flags() & kWarmingUp) != 0;
  if (usage.used_case() == v1::HistoryUsage::kWhole) {
    used = static_cast<double>(usage.whole());
  } else if (usage.used_case() == v1::HistoryUsage::kExact) {
    used = usage.exact();
  }
  reserved = usage.has_reserved() ? usage.reserved() : reserved_before;
  return out;
}

bool SameShared(const SignalInput& a, const SignalInput& b) {
  const auto& [replicas, total, unknown_reason, age] = a;
  return total == b.total && unknown_reason == b.unknown_reason && age == b.age;
}

// Absent: nothing changed. `before` null: all of it.
std::optional<v1::HistorySignal> Changes(const SignalInput& now, const SignalInput* before, size_t index) {
  const auto& [replicas, total, unknown_reason, age] = now;
  v1::HistorySignal out;
  out.set_index(static_cast<uint32_t>(index));
  out.set_replaced(before == nullptr || before->replicas.size() != replicas.size());
  double reserved = 0;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (out.replaced()) {
      *out.add_rows() = ToProto(replicas[i], i, reserved);
      reserved = replicas[i].reserved;
    } else if (!SameUsage(replicas[i], before->replicas[i])) {
      *out.add_rows() = ToProto(replicas[i], i, before->replicas[i].reserved);
    }
  }
  if (before != nullptr && !out.replaced() && out.rows().empty() && SameShared(now, *before)) {
    return std::nullopt;
  }
  if (total) {
    out.set_total(*total);
  }
  out.set_unknown_reason(unknown_reason);
  out.set_age_ns(absl::ToInt64Nanoseconds(age));
  return out;
}

// False: not what Changes makes.
bool Apply(const v1::HistorySignal& changes, SignalInput& signal) {
  auto& [replicas, total, unknown_reason, age] = signal;
  if (changes.replaced()) {
    replicas.clear();
    double reserved = 0;
    for (const v1::HistoryUsage& row : changes.rows()) {
      replicas.push_back(ToCore(row, reserved));
      reserved = replicas.back().reserved;
    }
  } else {
    for (const v1::HistoryUsage& row : changes.rows()) {
      if (row.index() >= replicas.size()) {
        return false;
      }
      replicas[row.index()] = ToCore(row, replicas[row.index()].reserved);
    }
  }
  total = changes.has_total() ? std::optional(changes.total()) : std::nullopt;
  unknown_reason = changes.unknown_reason();
  age = absl::Nanoseconds(changes.age_ns());
  return true;
}

v1::HistoryMemory ToProto(const ScalingHistory& memory) {
  const auto& [since, count_at_start, recommendations, changes, last_work] = memory;
  v1::HistoryMemory out;
  out.set_since_ns(since.nanoseconds());
  out.set_count_at_start(count_at_start);
  for (const Recommendation& recommendation : recommendations) {
    const auto& [at, value] = recommendation;
    v1::HistoryMemory::Step* step = out.add_recommendations();
    step->set_at_ns(at.nanoseconds());
    step->set_value(value);
  }
  for (const ScaleChange& scaled : changes) {
    const auto& [at, change] = scaled;
    v1::HistoryMemory::Step* step = out.add_changes();
    step->set_at_ns(at.nanoseconds());
    step->set_value(change);
  }
  if (last_work) {
    out.set_last_work_ns(last_work->nanoseconds());
  }
  return out;
}

ScalingHistory ToCore(const v1::HistoryMemory& memory) {
  ScalingHistory out;
  auto& [since, count_at_start, recommendations, changes, last_work] = out;
  since = InstantOf(memory.since_ns());
  count_at_start = memory.count_at_start();
  for (const v1::HistoryMemory::Step& step : memory.recommendations()) {
    recommendations.push_back({.at = InstantOf(step.at_ns()), .value = step.value()});
  }
  for (const v1::HistoryMemory::Step& step : memory.changes()) {
    changes.push_back({.at = InstantOf(step.at_ns()), .change = step.value()});
  }
  if (memory.has_last_work_ns()) {
    last_work = InstantOf(memory.last_work_ns());
  }
  return out;
}

// All but the signals and the spec.
void PutInput(const DecideInput& input, v1::HistoryRecord& record) {
  const auto& [now, wall, service, spec, current, ready, signals, paused, pause_down_only, held,
               scale_down_blocked, blocked_reason, paused_until, held_until] = input;
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
  out.now = InstantOf(in.now_ns());
  out.wall = absl::FromUnixNanos(record.wall_ns());
  out.service = {record.stack(), record.service()};
  out.current = in.current();
  out.ready = in.ready();
  out.paused = in.paused();
  out.pause_down_only = in.pause_down_only();
  out.scale_down_blocked = in.scale_down_blocked();
  out.blocked_reason = in.blocked_reason();
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

v1::HistoryRecord HistoryEncoder::Encode(const Evaluation& evaluation) {
  const DecideInput& input = evaluation.input;
  const auto [at, first] = known_.try_emplace(input.service);
  Known& known = at->second;
  const bool full = first || known.spec != evaluation.spec || known.signals.size() != input.signals.size() ||
                    input.wall - known.whole_at >= kWholeEvery;
  v1::HistoryRecord record;
  PutInput(input, record);
  v1::HistoryEvaluation& out = *record.mutable_evaluation();
  out.set_id(evaluation.id);
  out.set_full(full);
  if (!full) {
    out.set_step(evaluation.id - known.id);
  } else {
    known.whole_at = input.wall;
    out.set_gap(gap_.erase(input.service) > 0);
    out.mutable_spec()->ParseFromString(evaluation.spec->source);
    *out.mutable_before() = ToProto(evaluation.before.value_or(ScalingHistory()));
  }
  for (size_t i = 0; i < input.signals.size(); ++i) {
    if (auto changes = Changes(input.signals[i], full ? nullptr : &known.signals[i], i)) {
      *out.add_signals() = *std::move(changes);
    }
  }
  out.set_decision_sum(DecisionSum(*evaluation.decision));
  if (full || IsNews(*evaluation.decision, known.told)) {
    *out.mutable_decision() = controller::ToProto(*evaluation.decision);
    known.told = *evaluation.decision;
  }
  known.id = evaluation.id;
  known.signals = input.signals;
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
    if (changes.index() >= signals_->size() || !Apply(changes, (*signals_)[changes.index()])) {
      signals_.reset();
      return std::nullopt;
    }
  }
  Decoded out;
  out.sum = in.decision_sum();
  out.gap = in.gap();
  out.evaluation.id = in.id();
  out.evaluation.input = TakeInput(record);
  out.evaluation.input.signals = *signals_;
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
