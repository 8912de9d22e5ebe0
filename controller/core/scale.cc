#include "controller/core/scale.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/assign.h"
#include "controller/core/signals.h"

namespace drover::controller {
namespace {

// A stored wall time in the past ends what it limits; else it is looked at again then.
bool Expired(Model& model, const Service& service, const std::optional<absl::Time>& until) {
  if (!until) {
    return false;
  }
  if (*until <= model.wall) {
    return true;
  }
  model.WakeService(service.key, model.now + std::min(*until - model.wall, absl::Hours(1)));
  return false;
}

void ExpireByTime(Model& model, Service& service) {
  ServiceRecord& record = service.record;
  if (record.paused && Expired(model, service, record.paused_until)) {
    record.paused = record.pause_down_only = false;
    record.paused_until.reset();
    service.input_changed = true;
    model.TouchRecord(service);
    HandsOffChanged(model, service);
    model.Tell({"operator",
                "PauseOver",
                absl::StrCat(ToString(service.key), " is scaled again"),
                service.key,
                {},
                {}});
  }
  if (record.held && Expired(model, service, record.held_until)) {
    record.held = false;
    record.held_until.reset();
    service.input_changed = true;
    model.TouchRecord(service);
    model.Tell({"operator",
                "HoldOver",
                absl::StrCat(ToString(service.key), " is scaled again"),
                service.key,
                {},
                {}});
  }
}

std::string DecisionText(const Decision& decision) {
  std::string text = absl::StrCat(ToString(decision.service), " ", decision.current, " → ", decision.desired);
  for (const SignalDecision& signal : decision.signals) {
    if (signal.name == decision.winner && !signal.formula.empty()) {
      absl::StrAppend(&text, ": ", signal.name, " ", signal.formula);
    }
  }
  return text;
}

void TakeOver(Model& model, Service& service, DecideResult result) {
  const AutoscaleSpec& spec = *service.spec->autoscale;
  Decision& decision = result.decision;
  service.history = std::move(result.history);
  service.decide_due = result.due;
  const int64_t before = service.record.desired;
  const bool news = service.decision == nullptr || service.decision->reason != decision.reason ||
                    service.decision->desired != decision.desired;
  if (decision.desired != before && !spec.dry_run) {
    service.record.desired = decision.desired;
    model.TouchRecord(service);
    model.BackendsChanged(service.key);
    model.Tell({"decision", decision.reason, DecisionText(decision), service.key, {}, {}});
    for (const SignalSpec& signal : spec.signals) {
      if (signal.kind == SignalSpec::Kind::kQueue) {
        model.ReviewQueue(service.key.stack, signal.queue);
      }
    }
  }
  service.decided = service.decision = std::make_shared<const Decision>(std::move(decision));
  if (service.decided->desired != before && !spec.dry_run) {
    service.last_change = service.decided;
  }
  model.ShowService(service.key, /*soft=*/!news);
}

// Whether replaying shall be able to begin at this evaluation: its record takes a copy of the memory.
bool IsRecordedWhole(const Model& model, Service& service) {
  Service::RecordedWhole& last = service.recorded_whole;
  if (last.begun == model.history_begun && last.spec == service.spec && model.now - last.at < kWholeEvery) {
    return false;
  }
  last = {.begun = model.history_begun, .at = model.now, .spec = service.spec};
  return true;
}

}  // namespace

int64_t ClampCount(const ServiceSpec& spec, int64_t count) {
  if (spec.autoscale) {
    return std::clamp(count, spec.autoscale->min, spec.autoscale->max);
  }
  return (spec.pinned() || spec.singleton) ? std::min<int64_t>(count, 1) : count;
}

void ReviewDesired(Model& model, const Probes& probes, Service& service) {
  ExpireByTime(model, service);
  if (!service.spec->autoscale) {
    return;
  }
  const bool due = service.decide_due && *service.decide_due <= model.now;
  if (!service.input_changed && !due) {
    if (service.decide_due) {
      model.WakeService(service.key, *service.decide_due);
    }
    return;
  }
  service.input_changed = false;
  service.evaluated = model.now;
  std::optional<Instant> next_change;
  DecideInput input = MakeInput(model, probes, service, &next_change);
  service.startups.clear();
  Evaluation evaluation;
  if (IsRecordedWhole(model, service)) {
    evaluation.before = service.history;
  }
  DecideResult result = Decide(input, std::move(service.history));
  evaluation.id = result.decision.id = model.NextDecisionId();
  TakeOver(model, service, std::move(result));
  evaluation.decision = service.decided;
  evaluation.spec = {service.spec, input.spec};
  evaluation.input = std::move(input);
  model.Record(std::move(evaluation));
  if (next_change && (!service.decide_due || *next_change < *service.decide_due)) {
    service.decide_due = next_change;
  }
  if (service.decide_due) {
    model.WakeService(service.key, *service.decide_due);
  }
}

DecideInput MakeInput(const Model& model, const Probes& probes, const Service& service,
                      std::optional<Instant>* next_change) {
  DecideInput input;
  input.now = model.now;
  input.wall = model.wall;
  input.service = service.key;
  input.spec = &*service.spec->autoscale;
  input.current = service.record.desired;
  int64_t observed = 0;
  for (const ReplicaId id : service.replicas) {
    const ReplicaState state = model.replicas.at(id).state;
    input.ready += state == ReplicaState::kReady ? 1 : 0;
    observed += IsActive(state) ? 1 : 0;
  }
  input.startups = service.startups;
  input.observed = observed;
  input.signals = MakeSignals(model, probes, service, next_change);
  input.paused = model.frozen() || (service.record.paused && !service.record.pause_down_only);
  input.pause_down_only = !input.paused && service.record.paused;
  if (model.frozen() || service.record.paused) {
    input.paused_until = model.frozen() ? model.whole.frozen_until : service.record.paused_until;
  }
  if (service.record.held) {
    input.held = service.record.desired;
    input.held_until = service.record.held_until;
  }
  if (!model.settled) {
    input.scale_down_blocked = true;
    input.blocked_reason = "the controller has just started and not heard every node yet";
  } else if (model.mass_recovery) {
    input.scale_down_blocked = true;
    input.blocked_reason = "MassLossHold: many nodes fell silent together";
  }
  return input;
}

}  // namespace drover::controller
