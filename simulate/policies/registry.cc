#include "simulate/policies/registry.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulate/policies/alarms.h"
#include "simulate/policies/baseline.h"
#include "simulate/policies/engine.h"

namespace drover::simulate {
namespace {

EngineOptions InSetting(EngineOptions options, const PolicyContext& context) {
  options.spec.min = context.min;
  options.spec.max = context.max;
  options.initial = context.initial;
  options.nature = context.nature;
  options.tells = context.tells;
  return options;
}

EngineOptions AsPeer(EngineOptions options, const PolicyChoice& choice, const PolicyContext& context) {
  options.seeded = choice.seeded;
  return InSetting(std::move(options), context);
}

}  // namespace

const std::vector<PolicyInfo>& Policies() {
  static const std::vector<PolicyInfo> all = {
      {"drover", "promised wait in seconds (the trace's slo_wait_s)", std::nullopt},
      {"hpa", "utilization in percent (70)", 70},
      {"keda", "jobs waiting and running per replica (1)", 1},
      {"kpa", "concurrency in percent of a slot (70)", 70},
      {"target-tracking", "utilization in percent (70)", 70},
      {"step", "utilization in percent (70)", 70},
      {"window", "keeps the largest demand of this many seconds (60)", 60},
      {"rate-oracle", "", std::nullopt},
      {kClairvoyant, "", std::nullopt},
  };
  return all;
}

std::optional<double> DefaultTarget(const std::string& name, double slo_wait_s) {
  for (const PolicyInfo& info : Policies()) {
    if (info.name == name) {
      return name == "drover" ? slo_wait_s : info.default_target;
    }
  }
  return std::nullopt;
}

absl::Status UnknownPolicy(const std::string& name) {
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no policy \"", name, "\"; use ",
      absl::StrJoin(Policies(), ", ",
                    [](std::string* out, const PolicyInfo& info) { absl::StrAppend(out, info.name); }),
      ", or a file that holds an x-autoscale mapping"));
}

absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(const PolicyChoice& choice, const PolicyContext& context) {
  const std::string& name = choice.name;
  const double target = choice.target.value_or(DefaultTarget(name, context.slo_wait_s).value_or(0));
  if (choice.make) {
    return choice.make(context);
  }
  if (choice.spec) {
    return MakeEnginePolicy(
        InSetting({.spec = *choice.spec, .period_s = 1, .initial = 1, .seeded = true}, context));
  }
  if (name == "drover") {
    return MakeEnginePolicy(InSetting(DroverOptions(target), context));
  }
  if (name == "hpa") {
    return MakeEnginePolicy(AsPeer(HpaOptions(target), choice, context));
  }
  if (name == "keda") {
    return MakeEnginePolicy(AsPeer(KedaOptions(target), choice, context));
  }
  if (name == "kpa") {
    return MakeEnginePolicy(AsPeer(KpaOptions(target / 100), choice, context));
  }
  if (name == "target-tracking") {
    return MakeTargetTracking(target);
  }
  if (name == "step") {
    return MakeStepScaling(target);
  }
  if (name == "window") {
    return MakeMaxOfWindow(std::llround(target));
  }
  if (name == "rate-oracle") {
    return MakeRateOracle(*context.demand, context.ahead_s);
  }
  return UnknownPolicy(name);
}

}  // namespace drover::simulate
