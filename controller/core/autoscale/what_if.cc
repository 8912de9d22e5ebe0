#include "controller/core/autoscale/what_if.h"

#include <algorithm>
#include <utility>

#include "controller/core/autoscale/signal_name.h"

namespace drover::controller {
namespace {

using Kind = SignalSpec::Kind;

bool SameSource(const SignalSpec& a, const SignalSpec& b) { return a.kind == b.kind && a.queue == b.queue; }

// By index in `recorded`.
std::optional<size_t> FindSource(const SignalSpec& signal, const AutoscaleSpec& recorded) {
  const auto& signals = recorded.signals;
  const auto found =
      std::find_if(signals.begin(), signals.end(), [&](const auto& s) { return SameSource(signal, s); });
  return found == signals.end() ? std::nullopt : std::optional<size_t>(found - signals.begin());
}

}  // namespace

WhatIf::WhatIf(AutoscaleSpec spec) : spec_(std::make_shared<const AutoscaleSpec>(std::move(spec))) {}

DecideInput WhatIf::InputOf(const Evaluation& evaluation) const {
  DecideInput input = evaluation.input;
  input.spec = spec_.get();
  input.signals.clear();
  for (const SignalSpec& signal : spec_->signals) {
    SignalInput measured;
    measured.unknown_reason = "was not recorded";
    if (const auto index = FindSource(signal, *evaluation.spec)) {
      measured = evaluation.input.signals[*index];
    }
    input.signals.push_back(std::move(measured));
  }
  if (input.current == live_) {
    input.current = own_;
    input.observed.reset();
  }
  return input;
}

Decision WhatIf::Next(const Evaluation& evaluation, const Decision& live) {
  if (!history_ && (*evaluation.spec == *spec_ || !evaluation.before)) {
    own_ = live_ = live.desired;
    return live;
  }
  if (!history_) {
    history_ = evaluation.before;
    own_ = live_ = evaluation.input.current;
  }
  DecideResult result = Decide(InputOf(evaluation), *std::move(history_));
  history_ = std::move(result.history);
  result.decision.id = evaluation.id;
  own_ = result.decision.desired;
  live_ = live.desired;
  return std::move(result.decision);
}

std::vector<std::string> NotRecorded(const AutoscaleSpec& wanted, const AutoscaleSpec& recorded) {
  std::vector<std::string> missing;
  for (const SignalSpec& signal : wanted.signals) {
    if (signal.kind != Kind::kSchedule && !FindSource(signal, recorded)) {
      missing.push_back(SignalName(signal));
    }
  }
  return missing;
}

}  // namespace drover::controller
