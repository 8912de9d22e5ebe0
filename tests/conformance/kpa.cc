#include "controller/core/autoscale/max_window.h"
#include "controller/core/autoscale/panic_window.h"
#include "tests/conformance/families.h"
#include "tests/conformance/read.h"

namespace drover::conformance {
namespace {

// The case's own clock, which begins at 0.
Instant At(absl::Duration t) { return Instant::FromNanoseconds(0) + t; }

// Only what `update` gives changes.
void Merge(const Value& update, controller::KpaConfig& config) {
  const auto number = [&](const char* key, double& field) {
    field = update[key].MaybeNumber().value_or(field);
  };
  number("target_value", config.target_value);
  number("total_value", config.total_value);
  number("target_burst_capacity", config.target_burst_capacity);
  number("panic_threshold", config.panic_threshold);
  number("max_scale_up_rate", config.max_scale_up_rate);
  number("max_scale_down_rate", config.max_scale_down_rate);
  config.stable_window = update["stable_window_s"].MaybeSeconds().value_or(config.stable_window);
  config.scale_down_delay = update["scale_down_delay_s"].MaybeSeconds().value_or(config.scale_down_delay);
  config.activation_scale = update["activation_scale"].MaybeInt().value_or(config.activation_scale);
  config.reachable = update["reachable"].MaybeBool().value_or(config.reachable);
}

void Step(const Value& step, const Value& expected, const controller::KpaConfig& config,
          controller::KpaState& state, Verdict& verdict) {
  const Instant now = At(step["t_s"].Seconds());
  std::optional<controller::KpaSample> sample;
  if (!step["error"].given()) {
    sample = {
        .ready = step["ready"].Int(), .stable = step["stable"].Number(), .panic = step["panic"].Number()};
  }
  const controller::KpaResult result = controller::KpaScale(config, sample, now, state);
  const auto name = [&](const char* field) { return absl::StrCat("t=", step["t_s"].Number(), " ", field); };
  verdict.Bool(name("valid").c_str(), result.valid, expected["valid"]);
  verdict.Int(name("desired").c_str(), result.desired, expected["desired"]);
  verdict.Int(name("excess_burst_capacity").c_str(), result.excess_burst_capacity,
              expected["excess_burst_capacity"], /*slack=*/1);
  verdict.Bool(name("panic_mode").c_str(), state.panic_since.has_value(), expected["panic_mode"]);
  std::optional<double> since;
  if (state.panic_since) {
    since = absl::ToDoubleSeconds(*state.panic_since - At(absl::ZeroDuration()));
  }
  verdict.Number(name("panic_started_t_s").c_str(), since, expected["panic_started_t_s"], 1e-6);
}

void Decider(const Value& input, const Value& expected, Verdict& verdict) {
  controller::KpaConfig config;
  Merge(input["config"], config);
  std::optional<int64_t> ready = input["ready_at_creation"].MaybeInt();
  if (input["ready_count_error_at_creation"].MaybeBool().value_or(false)) {
    ready.reset();
  }
  controller::KpaState state = controller::KpaCreate(ready, At(absl::ZeroDuration()));
  if (const Value creation = expected["at_creation"]; creation.given()) {
    verdict.Bool("at creation panic_mode", state.panic_since.has_value(), creation["panic_mode"]);
    verdict.Int("at creation max_panic_replicas", state.max_panic, creation["max_panic_replicas"]);
  }
  if (const Value state_override = input["state_override"]; state_override.given()) {
    state.panic_since.reset();
    if (const auto started = state_override["panic_started_t_s"].MaybeSeconds()) {
      state.panic_since = At(*started);
    }
    state.max_panic = state_override["max_panic_replicas"].MaybeInt().value_or(0);
  }
  const std::vector<Value> steps = input["steps"].MaybeList();
  const std::vector<Value> wanted = expected["steps"].MaybeList();
  for (size_t i = 0; i < steps.size(); ++i) {
    if (const Value update = steps[i]["config_update"]; update.given()) {
      Merge(update, config);
    }
    if (i < wanted.size()) {
      Step(steps[i], wanted[i], config, state, verdict);
    } else {
      steps[i].Refuse("has no expected step");
    }
  }
}

void Window(const Value& input, const Value& expected, Verdict& verdict) {
  const absl::Duration length = input["window_s"].Seconds();
  const absl::Duration granularity = input["granularity_s"].Seconds();
  if (granularity <= absl::ZeroDuration()) {
    input["granularity_s"].Refuse("must be above 0");
  }
  controller::MaxWindow window(length, granularity);
  for (const Value& record : input["records"].List()) {
    window.Record(At(record["t_s"].Seconds()), record["value"].Int());
  }
  verdict.Int("current", window.Current(), expected["current"]);
}

}  // namespace

Verdict RunKpa(const Value& test) {
  Verdict verdict;
  const std::string kind = test["kind"].Text();
  if (kind == "decider") {
    Decider(test["input"], test["expected"], verdict);
  } else if (kind == "max_window") {
    Window(test["input"], test["expected"], verdict);
  } else {
    test["kind"].Refuse(absl::StrCat("\"", kind, "\" is unknown; write decider or max_window"));
  }
  return verdict;
}

}  // namespace drover::conformance
