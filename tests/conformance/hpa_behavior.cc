#include <algorithm>
#include <set>

#include "controller/core/autoscale/limits.h"
#include "controller/core/autoscale/rate.h"
#include "controller/core/autoscale/saturating.h"
#include "controller/core/autoscale/stabilize.h"
#include "tests/conformance/families.h"
#include "tests/conformance/read.h"

namespace drover::conformance {

using controller::Recommendation;
using controller::ScaleChange;
using controller::ScalingRules;

namespace {

enum class Direction { kUp, kDown };

Direction ReadDirection(const Value& value) {
  const std::string text = value.Text();
  if (text != "up" && text != "down") {
    value.Refuse(absl::StrCat("\"", text, "\" is unknown; write up or down"));
  }
  return text == "up" ? Direction::kUp : Direction::kDown;
}

controller::LimitInput ReadLimitInput(const Value& input) {
  return {.current = input["current_replicas"].Int(),
          .recommended = input["recommended_replicas"].Int(),
          .min = input["min_replicas"].Int(),
          .max = input["max_replicas"].Int()};
}

void CompareLimited(const controller::Limited& got, const Value& expected, Verdict& verdict) {
  verdict.Int("replicas", got.value, expected["replicas"]);
  verdict.Text("reason", got.reason, expected["reason"]);
}

void Rate(const Value& input, const Value& expected, Verdict& verdict) {
  const ScalingRules up = ReadRules(input["scale_up"], controller::HpaDefaultUp());
  const ScalingRules down = ReadRules(input["scale_down"], controller::HpaDefaultDown());
  CompareLimited(
      controller::LimitByRules(ReadLimitInput(input), up, down,
                               ReadEvents(input["scale_up_events"], input["scale_down_events"]), Now()),
      expected, verdict);
}

void Limit(const Value& input, const Value& expected, Verdict& verdict) {
  const int64_t current = input["current_replicas"].Int();
  const auto events = ReadEvents(input["scale_up_events"], input["scale_down_events"]);
  const bool up = ReadDirection(input["direction"]) == Direction::kUp;
  const ScalingRules rules =
      ReadRules(input["rules"], up ? controller::HpaDefaultUp() : controller::HpaDefaultDown());
  verdict.Int("limit",
              up ? controller::ProposedUpLimit(current, rules, events, Now())
                 : controller::ProposedDownLimit(current, rules, events, Now()),
              expected["limit"]);
}

// The engine keeps live entries only; upstream's expired slots, still among the expected, carry no
// meaning. What the engine has must be all the rest.
void CompareStored(const std::deque<Recommendation>& before, const std::deque<Recommendation>& after,
                   absl::Duration keep, const Value& expected, Verdict& verdict) {
  if (!expected.given()) {
    return;
  }
  std::multiset<int64_t> got;
  std::multiset<int64_t> want;
  for (const Recommendation& r : after) {
    got.insert(r.value);
  }
  for (const Value& value : expected.List()) {
    want.insert(value.Int());
  }
  for (const Recommendation& r : before) {
    if (Now() - r.at > keep && want.count(r.value) > got.count(r.value)) {
      want.erase(want.find(r.value));
    }
  }
  if (got != want) {
    verdict.Fail(absl::StrCat("stored ", got.size(), " live recommendations, expected ", want.size(),
                              " with other values"));
  }
}

void StabilizeCase(const Value& input, const Value& expected, Verdict& verdict) {
  const controller::StabilizeInput stabilize{
      .current = input["current_replicas"].Int(),
      .recommended = input["recommended_replicas"].Int(),
      .up_window = input["scale_up_stabilization_window_s"].Seconds(),
      .down_window = input["scale_down_stabilization_window_s"].Seconds(),
      .now = Now()};
  const absl::Duration keep = std::max(stabilize.up_window, stabilize.down_window);
  const std::deque<Recommendation> before = ReadRecommendations(input["recommendations"]);
  std::deque<Recommendation> history = before;
  std::sort(history.begin(), history.end(),
            [](const Recommendation& a, const Recommendation& b) { return a.at < b.at; });
  const int64_t value = controller::Stabilize(stabilize, history).value;
  verdict.Int("replicas", value, expected["replicas"]);
  // What the engine carries from one evaluation to the next must answer the same.
  std::deque<Recommendation> compact = history;
  controller::Compact(compact);
  verdict.Int("replicas with the compact history", controller::Stabilize(stabilize, compact).value,
              expected["replicas"]);
  controller::Remember(history, {.at = Now(), .value = stabilize.recommended}, keep);
  CompareStored(before, history, keep, expected["stored_recommendations"], verdict);
}

void StabilizeDownscaleOnly(const Value& input, const Value& expected, Verdict& verdict) {
  const absl::Duration window = input["downscale_stabilization_s"].Seconds();
  const int64_t recommended = input["recommended_replicas"].Int();
  std::deque<Recommendation> history = ReadRecommendations(input["recommendations"]);
  verdict.Int("replicas", controller::StabilizeDownOnly(recommended, window, history, Now()),
              expected["replicas"]);
  // Upstream overwrites one expired entry a pass and keeps the others.
  const int64_t expired =
      std::count_if(history.begin(), history.end(), [&](const auto& r) { return Now() - r.at > window; });
  controller::Remember(history, {.at = Now(), .value = recommended}, window);
  const int64_t kept_upstream = std::max<int64_t>(0, expired - 1);
  verdict.Int("stored_count", static_cast<int64_t>(history.size()) + kept_upstream, expected["stored_count"]);
}

void LimitsWithoutBehavior(const Value& input, const Value& expected, Verdict& verdict) {
  controller::LegacyLimit limit;
  if (const Value given = input["scale_up_limit"]; given.given()) {
    limit = {.factor = given["factor"].Number(), .least = given["minimum"].Int()};
  }
  CompareLimited(controller::LimitWithoutRules(ReadLimitInput(input), limit), expected, verdict);
}

void Events(const Value& input, const Value& expected, Verdict& verdict) {
  const bool up = ReadDirection(input["direction"]) == Direction::kUp;
  const Value nothing(nullptr, "");
  std::deque<ScaleChange> events =
      up ? ReadEvents(input["events"], nothing) : ReadEvents(nothing, input["events"]);
  const int64_t within = controller::ChangeWithin(events, input["query_period_s"].Seconds(), Now());
  verdict.Int("change_in_period_before_store", up ? within : controller::SaturatingSub(0, within),
              expected["change_in_period_before_store"]);
  if (const Value rules = input["rules"]; rules.given()) {
    const int64_t change = input["change"].Int();
    controller::RememberChange(events,
                               {.at = Now(), .change = up ? change : controller::SaturatingSub(0, change)},
                               controller::LongestPeriod(ReadRules(rules, ScalingRules())));
  }
  if (!expected["events_after"].given()) {
    return;
  }
  std::multiset<int64_t> got;
  std::multiset<int64_t> want;
  for (const ScaleChange& event : events) {
    got.insert(up ? event.change : controller::SaturatingSub(0, event.change));
  }
  for (const Value& event : expected["events_after"].List()) {
    if (!event["outdated"].MaybeBool().value_or(false)) {
      want.insert(event["change"].Int());
    }
  }
  if (got != want) {
    verdict.Fail(
        absl::StrCat("stored ", got.size(), " live events, expected ", want.size(), " with other changes"));
  }
}

}  // namespace

Verdict RunHpaBehavior(const Value& test) {
  using Runner = void (*)(const Value&, const Value&, Verdict&);
  static const std::map<std::string, Runner> kKinds = {{"rate", Rate},
                                                       {"limit", Limit},
                                                       {"stabilize", StabilizeCase},
                                                       {"stabilize_downscale_only", StabilizeDownscaleOnly},
                                                       {"limits_without_behavior", LimitsWithoutBehavior},
                                                       {"events", Events}};
  const std::string kind = test["kind"].Text();
  const auto runner = kKinds.find(kind);
  if (runner == kKinds.end()) {
    test["kind"].Refuse(absl::StrCat("\"", kind,
                                     "\" is unknown; write rate, limit, stabilize, stabilize_downscale_only, "
                                     "limits_without_behavior or events"));
  }
  Verdict verdict;
  runner->second(test["input"], test["expected"], verdict);
  return verdict;
}

}  // namespace drover::conformance
