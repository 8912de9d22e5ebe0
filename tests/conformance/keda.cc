#include "controller/core/autoscale/activation.h"
#include "controller/core/autoscale/fallback.h"
#include "tests/conformance/families.h"
#include "tests/conformance/read.h"

namespace drover::conformance {

using controller::FallbackSpec;

namespace {

Verdict Activation(const Value& input, const Value& expected) {
  controller::ActivationRule rule;
  rule.min = input["min_replicas"].MaybeInt().value_or(0);
  rule.idle = input["idle_replicas"].MaybeInt();
  rule.fallback_replicas = input["fallback_replicas"].MaybeInt();
  rule.cooldown = input["cooldown_period_s"].MaybeSeconds().value_or(rule.cooldown);
  rule.initial_cooldown = input["initial_cooldown_period_s"].MaybeSeconds().value_or(rule.initial_cooldown);
  controller::ActivationInput state;
  state.current = input["current_replicas"].Int();
  state.active = input["triggers_active"].MaybeBool().value_or(false);
  state.error = input["triggers_error"].MaybeBool().value_or(false);
  state.forced = input["force_activation"].MaybeBool().value_or(false);
  state.paused = input["paused_replicas"].given();
  state.pause_scale_in = input["pause_scale_in"].MaybeBool().value_or(false);
  state.pause_scale_out = input["pause_scale_out"].MaybeBool().value_or(false);
  state.last_active_age = input["last_active_age_s"].MaybeSeconds();
  state.age = input["object_age_s"].MaybeSeconds().value_or(absl::InfiniteDuration());

  const controller::Activation result = controller::Activate(state, rule);
  Verdict verdict;
  verdict.Int("replicas", result.replicas, expected["replicas"]);
  verdict.Bool("active_condition", result.active, expected["active_condition"]);
  verdict.Bool("last_active_time_updated", result.refreshed_last_active,
               expected["last_active_time_updated"]);
  return verdict;
}

FallbackSpec::Behavior ReadBehavior(const Value& value) {
  static const std::map<std::string, FallbackSpec::Behavior> kWords = {
      {"static", FallbackSpec::Behavior::kStatic},
      {"currentReplicas", FallbackSpec::Behavior::kCurrent},
      {"currentReplicasIfHigher", FallbackSpec::Behavior::kCurrentIfHigher},
      {"currentReplicasIfLower", FallbackSpec::Behavior::kCurrentIfLower}};
  const auto it = kWords.find(value.MaybeText().value_or("static"));
  if (it == kWords.end()) {
    value.Refuse(absl::StrCat("\"", value.Text(),
                              "\" is unknown; write static, currentReplicas, "
                              "currentReplicasIfHigher or currentReplicasIfLower"));
  }
  return it->second;
}

Verdict Fallback(const Value& input, const Value& expected) {
  std::optional<FallbackSpec> spec;
  if (const Value given = input["fallback"]; given.given()) {
    spec = {.failure_threshold = given["failure_threshold"].Int(),
            .replicas = given["replicas"].Int(),
            .behavior = ReadBehavior(given["behavior"])};
  }
  controller::FallbackRead read;
  if (input["scrape_ok"].Bool()) {
    read.value = input["scraped_value"].Number();
  }
  read.failures_before = input["failures_before"].MaybeInt().value_or(0);
  for (const Value& other : input["other_metric_failures"].MaybeList()) {
    read.other_failures.push_back(other.Int());
  }
  read.target = input["target"].Number();
  read.total_target = input["target_type"].MaybeText().value_or("average") == "value";
  read.current = input["current_replicas"].MaybeInt();
  read.ready = input["ready_replicas"].MaybeInt();

  const controller::FallbackResult result = controller::ReadWithFallback(spec, read);
  Verdict verdict;
  verdict.Bool("error", !result.value.has_value(), expected["error"]);
  verdict.Number("metric_value", result.value, expected["metric_value"], 1e-3);
  verdict.Int("failures_after", result.failures, expected["failures_after"]);
  verdict.Text("status_after", result.failing ? "failing" : "happy", expected["status_after"]);
  verdict.Bool("fallback_condition", result.in_fallback, expected["fallback_condition"]);
  return verdict;
}

}  // namespace

Verdict RunKeda(const Value& test) {
  const std::string kind = test["kind"].Text();
  if (kind == "activation") {
    return Activation(test["input"], test["expected"]);
  }
  if (kind == "fallback") {
    return Fallback(test["input"], test["expected"]);
  }
  test["kind"].Refuse(absl::StrCat("\"", kind, "\" is unknown; write activation or fallback"));
}

}  // namespace drover::conformance
