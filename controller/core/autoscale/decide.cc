#include "controller/core/autoscale/decide.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "controller/core/autoscale/average_value.h"
#include "controller/core/autoscale/conditions.h"
#include "controller/core/autoscale/families.h"
#include "controller/core/autoscale/latency.h"
#include "controller/core/autoscale/rate.h"
#include "controller/core/autoscale/replica_average.h"
#include "controller/core/autoscale/schedule.h"
#include "controller/core/autoscale/signal_name.h"
#include "controller/core/autoscale/sources.h"
#include "controller/core/autoscale/stabilize.h"
#include "controller/core/autoscale/steps.h"
#include "controller/core/autoscale/total_value.h"
#include "controller/core/autoscale/utilization.h"
#include "controller/core/autoscale/wish.h"

namespace drover::controller {
namespace {

using Kind = SignalSpec::Kind;

constexpr char kBatch[] = "batch";  // Wish::held_by of a promise that removes again only after a start-up

struct SignalWords {
  const char* name;
  const char* unit;
};

SignalWords WordsOf(Kind kind) {
  switch (kind) {
    case Kind::kCpu:
      return {"cpu", "%"};
    case Kind::kMemory:
      return {"memory", "%"};
    case Kind::kQueue:
      return {"queue", "jobs per replica"};
    case Kind::kInFlight:
      return {"in_flight", "requests per replica"};
    case Kind::kRate:
      return {"rate", "requests/s per replica"};
    case Kind::kLatency:
      return {"latency", "s"};
    case Kind::kBacklog:
      return {"backlog", "connections per replica"};
    case Kind::kSchedule:
      return {"schedule", "replicas"};
    case Kind::kForecast:
      return {"forecast", "per replica"};
    case Kind::kExternal:
      return {"external", "per replica"};
  }
  return {"", ""};
}

using Policy = AutoscaleSpec::Policy;

Tolerance ToleranceOf(const AutoscaleSpec& spec) {
  return {.up = spec.up.tolerance.value_or(spec.tolerance),
          .down = spec.down.tolerance.value_or(spec.tolerance)};
}

// ---- signals ----------------------------------------------------------------------------------------

// What happened while a signal is unknown stays unknown to its promise; unknown never lowers (R4.2).
Wish PromiseWish(const SignalSpec& signal, const SignalInput& measured, const DecideInput& input,
                 MaxWaitState& state) {
  if (signal.latency) {
    return LatencyWish(*signal.latency, measured, input, state);
  }
  if (!measured.total || !measured.load) {
    return UnknownWish(measured.unknown_reason.empty() ? "no sample" : measured.unknown_reason);
  }
  Wish wish = MaxWaitWish({.now = input.now,
                           .max_wait = *signal.max_wait,
                           .late_share = kLateShare,
                           .current = input.current,
                           .ready = input.ready,
                           .startups = input.startups,
                           .load = *measured.load},
                          state);
  wish.value = measured.total;
  // From zero only work wakes; what the promise holds in readiness would be idle at once.
  if (input.current == 0 && *measured.total <= signal.activation) {
    const std::string detail =
        absl::StrCat(FormatNumber(*measured.total), " is not above ", FormatNumber(signal.activation));
    return HeldWish(std::move(wish), 0, "activation", detail);
  }
  return wish;
}

Wish BacklogWish(const SignalSpec& signal, const SignalInput& measured, const DecideInput& input) {
  ReplicaAverageRule rule{
      .target = signal.target, .tolerance = ToleranceOf(*input.spec), .current = input.current};
  if (input.spec->policy == Policy::kDrover) {
    return ReplicaAverageWish(measured.replicas,
                              GroupReplicas(measured.replicas, /*believe_when_ready_only=*/true), rule);
  }
  rule.missing_limit = 1;
  rule.careful_down = false;
  return ReplicaAverageWish(measured.replicas, GroupAsHpa(measured.replicas, {.cpu = false}), rule);
}

Wish UsageWish(const SignalSpec& signal, const SignalInput& measured, const DecideInput& input) {
  UtilizationRule rule{.target = signal.target,
                       .tolerance = ToleranceOf(*input.spec),
                       .current = input.current,
                       .believe_when_ready_only = signal.kind == Kind::kCpu};
  if (input.spec->policy == Policy::kDrover) {
    return UtilizationWish(measured.replicas, rule);
  }
  rule.missing_limit = 1;
  return UtilizationWish(measured.replicas, GroupAsHpa(measured.replicas, {.cpu = signal.kind == Kind::kCpu}),
                         rule);
}

// A part of the whole that already asks for more than there is; else the whole is unknown (R4).
Wish PartialWish(const SignalInput& measured, const AverageValueRule& rule) {
  const std::string& reason = measured.unknown_reason.empty() ? "no sample" : measured.unknown_reason;
  if (measured.at_least) {
    Wish wish = AverageValueWish(measured.at_least, reason, rule);
    if (*wish.wish > rule.current) {
      wish.formula = absl::StrCat("at least ", wish.formula, "; ", reason);
      wish.unknown_reason = reason;
      return wish;
    }
  }
  return UnknownWish(reason);
}

Wish WishOf(const SignalSpec& signal, const SignalInput& measured, const DecideInput& input,
            ScalingHistory& history) {
  if (signal.kind == Kind::kBacklog) {
    return BacklogWish(signal, measured, input);
  }
  if (IsOfReplicas(signal.kind)) {
    return UsageWish(signal, measured, input);
  }
  if (signal.schedule) {
    return ScheduleWish(*signal.schedule, input.wall);
  }
  if (input.spec->policy == Policy::kKpa) {
    return KpaWish(measured, signal.target, input, history);
  }
  const bool drover = input.spec->policy == Policy::kDrover;
  const AverageValueRule rule{.target = signal.target,
                              .activation = signal.activation,
                              .tolerance = ToleranceOf(*input.spec),
                              .current = drover ? input.current : input.observed.value_or(input.current)};
  if (drover && measured.fallback_replicas) {
    Wish part = PartialWish(measured, rule);
    const bool more = part.wish && *part.wish > *measured.fallback_replicas;
    return more ? std::move(part)
                : FallbackWish(*measured.fallback_replicas, *measured.total, measured.unknown_reason);
  }
  if (signal.of_total) {
    return TotalValueWish(measured.total, measured.unknown_reason,
                          {.target = signal.target,
                           .activation = signal.activation,
                           .tolerance = rule.tolerance,
                           .current = input.current,
                           .ready = input.ready,
                           .hold_without_ready = drover});
  }
  if (!measured.total) {
    return PartialWish(measured, rule);
  }
  return AverageValueWish(measured.total, measured.unknown_reason, rule);
}

double TargetOf(const SignalSpec& signal) {
  if (signal.schedule) {
    return static_cast<double>(signal.schedule->replicas);
  }
  if (signal.latency) {
    return absl::ToDoubleSeconds(signal.latency->target);
  }
  return signal.max_wait ? absl::ToDoubleSeconds(*signal.max_wait) : signal.target;
}

std::string UnitOf(const SignalSpec& signal) {
  if (signal.max_wait) {
    return "s of waiting";
  }
  return signal.of_total ? "jobs in all" : WordsOf(signal.kind).unit;
}

SignalDecision Explained(const SignalSpec& signal, const SignalInput& measured, const Wish& wish) {
  SignalDecision decision;
  decision.name = SignalName(signal);
  decision.value = wish.value;
  decision.unknown_reason = wish.unknown_reason;
  decision.target = TargetOf(signal);
  decision.unit = UnitOf(signal);
  decision.age = measured.age;
  decision.wish = wish.wish;
  decision.formula = wish.formula;
  return decision;
}

// What all signals say together.
struct Combined {
  int64_t wish = 0;   // largest; the current count when no signal is known
  int64_t asked = 0;  // the same, of what is only put off to be changed in a batch too
  const Wish* winner = nullptr;
  std::string winner_name;
  std::vector<std::string> unknown;  // "queue thumbs: no answer"
  bool has_queue = false;
  bool queue_unknown = false;
  bool work = false;                  // some queue is above its activation
  bool only_queues_need_more = true;  // no other signal asks for more than one
};

Combined Combine(const std::vector<Wish>& wishes, const DecideInput& input, const Decision& decision) {
  Combined all;
  all.wish = all.asked = input.current;
  for (size_t i = 0; i < wishes.size(); ++i) {
    const SignalSpec& signal = input.spec->signals[i];
    const Wish& wish = wishes[i];
    const bool queue = !IsOfReplicas(signal.kind);
    all.has_queue |= queue;
    if (!wish.wish.has_value()) {
      all.unknown.push_back(absl::StrCat(decision.signals[i].name, ": ", wish.unknown_reason));
      all.queue_unknown |= queue;
      continue;
    }
    all.work |= queue && *wish.value > signal.activation;
    all.only_queues_need_more &= queue || *wish.wish <= 1;
    const int64_t asked = wish.held_by == kBatch ? *wish.raw : *wish.wish;
    all.asked = all.winner == nullptr ? asked : std::max(all.asked, asked);
    if (all.winner == nullptr || *wish.wish > all.wish) {
      all.winner = &wish;
      all.winner_name = decision.signals[i].name;
      all.wish = *wish.wish;
    }
  }
  return all;
}

// ---- idle to zero, and back -------------------------------------------------------------------------

struct Idle {
  bool over = false;               // the service may go to zero now
  bool woken = false;              // work has come while it was at zero
  std::optional<Instant> ends_at;  // when idling goes on: the instant at which it is over
  int64_t floor = 0;               // least count now
};

Idle IdleOf(const DecideInput& input, const Combined& all, ScalingHistory& history) {
  const AutoscaleSpec& spec = *input.spec;
  // Work may have passed unseen while a queue was unknown: idling starts anew.
  if (all.work || all.queue_unknown) {
    history.last_work = input.now;
  }
  Idle idle;
  idle.woken = input.current == 0 && all.work;
  idle.floor = spec.min;
  if (spec.min > 0) {
    return idle;
  }
  if (!all.has_queue || input.current == 0) {
    idle.floor = !all.has_queue || all.work ? 1 : 0;
    return idle;
  }
  idle.floor = 1;
  if (all.work || !all.unknown.empty() || !all.only_queues_need_more) {
    return idle;
  }
  const Instant end = history.last_work.value_or(history.since) + spec.idle;
  idle.over = input.now >= end;
  if (idle.over) {
    idle.floor = 0;
  } else {
    idle.ends_at = end;
  }
  return idle;
}

// ---- the chain of steps -----------------------------------------------------------------------------

// "; next step in 4m20s": when time alone will change a limit.
std::string TimeLeft(std::optional<Instant> until, Instant now) {
  return until ? absl::StrCat("; next step in ",
                              absl::FormatDuration(absl::Ceil(*until - now, absl::Seconds(1))))
               : "";
}

// Notes why the winning signal does not get what its formula says, before anything else is applied.
void NoteHeldWish(const Combined& all, Decision& decision) {
  if (all.winner != nullptr && !all.winner->held_by.empty() && all.winner->raw != all.winner->wish) {
    decision.clamps.push_back({.name = all.winner->held_by,
                               .before = *all.winner->raw,
                               .after = *all.winner->wish,
                               .detail = absl::StrCat(all.winner_name, ": ", all.winner->held_detail)});
  }
}

// Partial knowledge may scale up, never down (R4.2).
void HoldUnknown(const DecideInput& input, const Combined& all, Steps& steps, Decision& decision) {
  if (all.unknown.empty()) {
    return;
  }
  const std::string detail = absl::StrJoin(all.unknown, "; ");
  if (steps.value() < input.current) {
    steps.Set("unknown", input.current, "SignalUnknown", detail);
  } else if (all.winner == nullptr) {
    decision.reason = "SignalUnknown";
  }
}

// What windows remember of this evaluation. The wish before an unknown time stays believed through it. A
// removal that is put off is remembered as what it will be: else a window longer than the pause between two
// removals would always find the count of before in itself, and nothing would ever be removed.
void RememberWish(const DecideInput& input, const Combined& all, ScalingHistory& history) {
  int64_t value = std::min(all.wish, all.asked);
  if (!all.unknown.empty() && all.wish <= input.current) {
    value = history.recommendations.empty() ? input.current : history.recommendations.back().value;
  }
  Remember(history.recommendations, {.at = input.now, .value = value},
           std::max(input.spec->up.stabilization, input.spec->down.stabilization));
  Compact(history.recommendations);
}

// Where the count comes from that a window holds on to.
std::string StabilizedBy(const DecideInput& input, const ScalingHistory& history, int64_t value, bool down,
                         Duration window) {
  const auto& wishes = history.recommendations;
  const bool wished = std::any_of(wishes.begin(), wishes.end(), [&](const Recommendation& wish) {
    return wish.value == value && input.now - wish.at < window;
  });
  if (!wished && value == history.count_at_start) {
    return absl::StrCat("what was wished earlier than ",
                        absl::FormatDuration(absl::Trunc(input.now - history.since, absl::Seconds(1))),
                        " ago is not known; ", value, " ran then");
  }
  return absl::StrCat("within the last ", absl::FormatDuration(window), down ? " at least " : " at most ",
                      value, " were wished");
}

std::optional<Instant> ApplyStabilization(const DecideInput& input, const ScalingHistory& history,
                                          Steps& steps) {
  std::deque<Recommendation> earlier = history.recommendations;
  earlier.push_front({.at = history.since, .value = history.count_at_start});
  const AutoscaleSpec& spec = *input.spec;
  const Stabilized held = Stabilize({.current = input.current,
                                     .recommended = steps.value(),
                                     .up_window = spec.up.stabilization,
                                     .down_window = spec.down.stabilization,
                                     .now = input.now},
                                    earlier);
  const bool down = held.value > steps.value();
  const Duration window = down ? spec.down.stabilization : spec.up.stabilization;
  steps.Set(
      "stabilization", held.value, down ? "ScaleDownStabilized" : "ScaleUpStabilized",
      absl::StrCat(StabilizedBy(input, history, held.value, down, window), TimeLeft(held.until, input.now)));
  return held.until;
}

std::optional<Instant> ApplyRate(const DecideInput& input, const ScalingHistory& history, Steps& steps) {
  const bool up = steps.value() > input.current;
  if (steps.value() == input.current) {
    return std::nullopt;
  }
  const RateLimit rate = up ? UpLimit(input.current, input.spec->up, history.changes, input.now)
                            : DownLimit(input.current, input.spec->down, history.changes, input.now);
  if (!rate.limit) {
    return std::nullopt;
  }
  const int64_t allowed = up ? std::min(steps.value(), *rate.limit) : std::max(steps.value(), *rate.limit);
  if (allowed == steps.value()) {
    return std::nullopt;
  }
  steps.Set("rate", allowed, up ? "ScaleUpLimit" : "ScaleDownLimit",
            absl::StrCat(rate.detail, TimeLeft(rate.until, input.now)));
  return rate.until;
}

// What people and the state of the cluster impose on the signals' answer (R10.1, R2.5).
void ApplyOperators(const DecideInput& input, Steps& steps, Decision& decision) {
  if (input.held) {
    steps.Set("hold", *input.held, "Held",
              absl::StrCat("count set by hand", UntilText(input, input.held_until)));
    decision.reason = "Held";
  } else if (input.pause_down_only) {
    steps.Set("paused", std::max(steps.value(), input.current), "Paused",
              absl::StrCat("scale-down paused by hand", UntilText(input, input.paused_until)));
  } else if (input.paused) {
    steps.Set("paused", input.current, "Paused",
              absl::StrCat("paused by hand", UntilText(input, input.paused_until)));
    decision.reason = "Paused";
  }
  if (input.scale_down_blocked) {
    steps.Set("blocked", std::max(steps.value(), input.current), "Blocked", input.blocked_reason);
  }
}

std::string FloorDetail(const DecideInput& input, const Idle& idle) {
  if (input.spec->min > 0 || input.held) {
    return absl::StrCat("min is ", input.spec->min);
  }
  if (idle.ends_at) {
    return absl::StrCat("to 0 only after ", absl::FormatDuration(input.spec->idle), " without work, ",
                        absl::FormatDuration(absl::Ceil(*idle.ends_at - input.now, absl::Seconds(1))),
                        " to go");
  }
  return "to 0 only without work in a queue that is known";
}

void ApplyBounds(const DecideInput& input, const FamilyAnswer& answer, Steps& steps) {
  const int64_t floor = input.held ? input.spec->min : answer.floor;
  steps.Set("min", std::max(steps.value(), floor), "TooFewReplicas",
            answer.floor_detail.empty() ? absl::StrCat("min is ", floor) : answer.floor_detail);
  steps.Set("max", std::min(steps.value(), input.spec->max), "TooManyReplicas",
            absl::StrCat("max is ", input.spec->max));
}

// Window, idling and rate: the part of the chain that depends on history.
std::optional<Instant> ApplyHistory(const DecideInput& input, const Idle& idle, const ScalingHistory& history,
                                    Steps& steps, Decision& decision) {
  std::optional<Instant> due;
  if (idle.over) {
    steps.Note("idle", 0, "IdleToZero", absl::StrCat("no work for ", absl::FormatDuration(input.spec->idle)));
  } else {
    NoteDue(due, ApplyStabilization(input, history, steps));
  }
  NoteDue(due, ApplyRate(input, history, steps));
  if (idle.woken) {
    steps.Set("wake", std::max<int64_t>(steps.value(), 1), "WokenFromZero", "work has come");
    if (steps.value() == 1 || decision.reason == "DesiredWithinRange") {
      decision.reason = "WokenFromZero";
    }
  }
  return due;
}

// Drover's own family: every step from the largest wish to the count before people and bounds.
FamilyAnswer AnswerAsDrover(const DecideInput& input, const Combined& all, ScalingHistory& history,
                            Decision& decision) {
  const Idle idle = IdleOf(input, all, history);
  FamilyAnswer answer{.steps = Steps(&decision, all.wish),
                      .floor = idle.floor,
                      .floor_detail = FloorDetail(input, idle),
                      .due = idle.ends_at};
  HoldUnknown(input, all, answer.steps, decision);
  RememberWish(input, all, history);
  NoteDue(answer.due, ApplyHistory(input, idle, history, answer.steps, decision));
  return answer;
}

FamilyAnswer Answer(const DecideInput& input, const std::vector<Wish>& wishes, const Combined& all,
                    ScalingHistory& history, Decision& decision) {
  const FamilyInput family{.input = input,
                           .wishes = wishes,
                           .wish = all.wish,
                           .unknown = absl::StrJoin(all.unknown, "; "),
                           .active = all.work};
  switch (input.spec->policy) {
    case Policy::kDrover:
      return AnswerAsDrover(input, all, history, decision);
    case Policy::kHpa:
      return AnswerAsHpa(family, history, decision);
    case Policy::kKeda:
      return AnswerAsKeda(family, history, decision);
    case Policy::kKpa:
      return AnswerAsKpa(family, history, decision);
  }
  return AnswerAsDrover(input, all, history, decision);
}

// The next time at which a schedule asks for another count; looked at once a minute at least, because
// the wall clock may step.
std::optional<Instant> ScheduleDue(const DecideInput& input) {
  std::optional<Instant> due;
  for (const SignalSpec& signal : input.spec->signals) {
    if (signal.schedule) {
      const Duration left = ScheduleAt(*signal.schedule, input.wall).changes - input.wall;
      NoteDue(due, input.now + std::min<Duration>(left, absl::Minutes(1)));
    }
  }
  return due;
}

}  // namespace

std::string SignalName(const SignalSpec& signal) {
  const char* kind = WordsOf(signal.kind).name;
  return signal.queue.empty() ? kind : absl::StrCat(kind, " ", signal.queue);
}

DecideResult Decide(const DecideInput& measured, ScalingHistory history) {
  DROVER_CHECK(measured.spec != nullptr);
  DROVER_CHECK(measured.signals.size() == measured.spec->signals.size());
  DecideResult result;
  result.due = ScheduleDue(measured);
  DecideInput input = measured;
  input.signals = WithFallback(measured, history, result.due);
  Decision& decision = result.decision;
  decision.at = input.wall;
  decision.service = input.service;
  decision.current = input.current;
  decision.reason = "DesiredWithinRange";

  std::vector<Wish> wishes;
  for (size_t i = 0; i < input.signals.size(); ++i) {
    const SignalSpec& signal = input.spec->signals[i];
    if ((signal.max_wait || signal.latency) && !input.signals[i].fallback_replicas) {
      MaxWaitState& promise = history.promises[i];
      wishes.push_back(PromiseWish(signal, input.signals[i], input, promise));
      NoteDue(result.due, input.now + MaxWaitPeriod(promise));
    } else {
      wishes.push_back(WishOf(signal, input.signals[i], input, history));
    }
    decision.signals.push_back(Explained(input.spec->signals[i], input.signals[i], wishes.back()));
  }
  const Combined all = Combine(wishes, input, decision);
  decision.winner = all.winner_name;
  NoteHeldWish(all, decision);

  FamilyAnswer answer = Answer(input, wishes, all, history, decision);
  NoteDue(result.due, answer.due);
  ApplyOperators(input, answer.steps, decision);
  ApplyBounds(input, answer, answer.steps);
  if (input.spec->dry_run) {
    answer.steps.Set("dry run", input.current, "DryRun",
                     absl::StrCat("would have set ", answer.steps.value()));
    decision.reason = "DryRun";
  }
  decision.desired = answer.steps.value();
  decision.conditions = ConditionsOf(input, decision);

  RememberChange(history.changes, {.at = input.now, .change = decision.desired - input.current},
                 std::max(LongestPeriod(input.spec->up), LongestPeriod(input.spec->down)));
  result.history = std::move(history);
  return result;
}

}  // namespace drover::controller
