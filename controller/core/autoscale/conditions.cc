#include "controller/core/autoscale/conditions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace drover::controller {
namespace {

const Clamp* FindClamp(const Decision& decision, const std::string& name) {
  const auto found = std::find_if(decision.clamps.rbegin(), decision.clamps.rend(),
                                  [&](const Clamp& clamp) { return clamp.name == name; });
  return found == decision.clamps.rend() ? nullptr : &*found;
}

std::string Short(Duration d) {
  return absl::FormatDuration(absl::Trunc(d, absl::Milliseconds(d < absl::Minutes(1) ? 100 : 1000)));
}

Condition AbleToScale(const DecideInput& input, const Decision& decision) {
  const auto is = [](bool holds, std::string reason, std::string message) {
    return Condition{"AbleToScale", holds, std::move(reason), std::move(message)};
  };
  if (input.spec->dry_run) {
    return is(false, "DryRun", "dry_run: decided and explained, never carried out");
  }
  if (input.held) {
    return is(false, "Held",
              absl::StrCat("held at ", *input.held, " by hand", UntilText(input, input.held_until)));
  }
  if (input.paused) {
    return is(false, "Paused", absl::StrCat("paused by hand", UntilText(input, input.paused_until)));
  }
  if (input.scale_down_blocked) {
    return is(false, "ScaleDownBlocked", absl::StrCat("up only: ", input.blocked_reason));
  }
  if (input.pause_down_only) {
    return is(false, "ScaleDownPaused",
              absl::StrCat("up only: scale-down paused by hand", UntilText(input, input.paused_until)));
  }
  if (const Clamp* clamp = FindClamp(decision, "stabilization")) {
    return is(true, clamp->after > clamp->before ? "ScaleDownStabilized" : "ScaleUpStabilized",
              clamp->detail);
  }
  return is(true, "ReadyForNewScale", "nothing holds the count");
}

Condition ScalingActive(const Decision& decision) {
  const auto is = [](bool holds, std::string reason, std::string message) {
    return Condition{"ScalingActive", holds, std::move(reason), std::move(message)};
  };
  if (const Clamp* clamp = FindClamp(decision, "unknown")) {
    return is(false, "SignalUnknown", absl::StrCat("no scale-down without ", clamp->detail));
  }
  for (const SignalDecision& signal : decision.signals) {
    if (signal.wish && signal.name == decision.winner) {
      return is(true, "ValidSignalFound", absl::StrCat(signal.name, " asks for ", *signal.wish));
    }
  }
  return is(false, "SignalUnknown", "no signal is known, so the count stays");
}

Condition ScalingLimited(const DecideInput& input, const Decision& decision) {
  const auto is = [](bool holds, std::string reason, std::string message) {
    return Condition{"ScalingLimited", holds, std::move(reason), std::move(message)};
  };
  for (auto clamp = decision.clamps.rbegin(); clamp != decision.clamps.rend(); ++clamp) {
    if (clamp->name == "max") {
      return is(true, "TooManyReplicas", absl::StrCat("wants ", clamp->before, ", ", clamp->detail));
    }
    if (clamp->name == "min") {
      return is(true, "TooFewReplicas", absl::StrCat("wants ", clamp->before, ", ", clamp->detail));
    }
    if (clamp->name == "rate") {
      return is(true, clamp->before > clamp->after ? "ScaleUpLimit" : "ScaleDownLimit",
                absl::StrCat("wants ", clamp->before, ", ", clamp->detail));
    }
    if (clamp->name == "limit") {  // of the HPA: its reason says which
      return is(true, decision.reason, absl::StrCat("wants ", clamp->before, ", ", clamp->detail));
    }
  }
  return is(false, "DesiredWithinRange",
            absl::StrCat("within ", input.spec->min, " to ", input.spec->max, ", no rate limit applies"));
}

// A shared sample that was there and grew too old has an age; one that never came or failed has none.
bool IsStale(const SignalInput& measured) {
  return !measured.total && !measured.at_least && measured.replicas.empty() &&
         measured.age > absl::ZeroDuration();
}

Condition SignalFresh(const DecideInput& input, const Decision& decision) {
  std::vector<std::string> unknown;
  bool only_stale = true;
  Duration oldest;
  for (size_t i = 0; i < decision.signals.size(); ++i) {
    const SignalDecision& signal = decision.signals[i];
    if (signal.value && signal.unknown_reason.empty()) {
      oldest = std::max(oldest, signal.age);
      continue;
    }
    unknown.push_back(absl::StrCat(signal.name, ": ", signal.unknown_reason));
    only_stale = only_stale && IsStale(input.signals[i]);
  }
  if (unknown.empty()) {
    return {"SignalFresh", true, "AllSignalsFresh",
            oldest < absl::Milliseconds(100) ? "all samples just came"
                                             : absl::StrCat("oldest sample ", Short(oldest), " old")};
  }
  return {"SignalFresh", false, only_stale ? "SignalStale" : "SignalUnknown", absl::StrJoin(unknown, "; ")};
}

}  // namespace

std::vector<Condition> ConditionsOf(const DecideInput& input, const Decision& decision) {
  return {AbleToScale(input, decision), ScalingActive(decision), ScalingLimited(input, decision),
          SignalFresh(input, decision)};
}

void NoteObstacle(Decision& decision, const std::string& reason, const std::string& message) {
  for (Condition& condition : decision.conditions) {
    if (condition.type == "AbleToScale" && condition.holds) {
      condition = {condition.type, false, reason, message};
    }
  }
}

std::string UntilText(const DecideInput& input, const std::optional<absl::Time>& until) {
  if (!until) {
    return absl::StrCat(", until `drover resume ", ToString(input.service), "`");
  }
  return absl::StrCat(", until ", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", *until, absl::UTCTimeZone()),
                      " (", absl::FormatDuration(absl::Ceil(*until - input.wall, absl::Seconds(1))),
                      " left)");
}

}  // namespace drover::controller
