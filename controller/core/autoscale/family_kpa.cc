#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/families.h"
#include "controller/core/autoscale/panic_window.h"

namespace drover::controller {
namespace {

KpaConfig ConfigOf(const AutoscaleSpec& spec, double target) {
  KpaConfig config;
  config.target_value = target;
  config.target_burst_capacity = 0;  // there is no buffer in the path of requests
  config.scale_down_delay = spec.down.stabilization;
  return config;
}

// A tenth of the stable window, whole seconds, at least one.
Duration PanicWindow(const KpaConfig& config) {
  return absl::Seconds(std::max(1.0, std::round(absl::ToDoubleSeconds(config.stable_window) / 10)));
}

// From nothing at once, as upstream, where the first request wakes the autoscaler.
bool TickIsDue(const DecideInput& input, const ScalingHistory& history) {
  return input.current == 0 || !history.last_pass || input.now - *history.last_pass >= kKpaTick;
}

}  // namespace

Wish KpaWish(const SignalInput& measured, double target, const DecideInput& input, ScalingHistory& history) {
  const KpaConfig config = ConfigOf(*input.spec, target);
  if (!history.kpa) {
    history.kpa = KpaCreate(input.ready, input.now);
  }
  if (!measured.total) {
    return UnknownWish(measured.unknown_reason.empty() ? "no sample" : measured.unknown_reason);
  }
  history.kpa_values.Record(input.now, *measured.total, config.stable_window);
  if (!TickIsDue(input, history)) {
    Wish wish;
    wish.value = measured.total;
    wish.raw = wish.wish = input.current;
    wish.formula = absl::StrCat("recorded; ", input.current, " until the next tick");
    return wish;
  }
  const double stable = history.kpa_values.Average(input.now, config.stable_window).value_or(0);
  const double panic = history.kpa_values.Average(input.now, PanicWindow(config)).value_or(0);
  const KpaResult result = KpaScale(config, KpaSample{.ready = input.ready, .stable = stable, .panic = panic},
                                    input.now, *history.kpa);
  Wish wish;
  wish.value = stable;
  wish.raw = result.desired;
  wish.wish = wish.raw;
  wish.formula =
      absl::StrFormat("%s in %s asks for %d, %s in %s for %d, of %s each", FormatNumber(stable),
                      absl::FormatDuration(config.stable_window), result.stable_count, FormatNumber(panic),
                      absl::FormatDuration(PanicWindow(config)), result.panic_count, FormatNumber(target));
  if (history.kpa->panic_since) {
    absl::StrAppend(&wish.formula, "; panic: nothing goes below ", history.kpa->max_panic);
  }
  return wish;
}

FamilyAnswer AnswerAsKpa(const FamilyInput& family, ScalingHistory& history, Decision& decision) {
  const DecideInput& input = family.input;
  FamilyAnswer answer{
      .steps = Steps(&decision, family.wish), .floor = input.spec->min, .due = input.now + kKpaTick};
  if (!family.unknown.empty()) {
    answer.steps.Set("unknown", input.current, "SignalUnknown", family.unknown);
    answer.steps.Because("SignalUnknown");
    return answer;
  }
  if (!TickIsDue(input, history)) {
    answer.due = *history.last_pass + kKpaTick;
    return answer;
  }
  history.last_pass = input.now;
  if (family.wish > 0) {
    history.zero_since.reset();
    return answer;
  }
  if (!history.zero_since) {
    history.zero_since = input.now;
  }
  if (input.current > 0 && input.now - *history.zero_since < kKpaGrace) {
    answer.steps.Set("grace", 1, "ScaleToZeroGrace",
                     absl::StrCat("to 0 only ", absl::FormatDuration(kKpaGrace), " after the last request"));
  }
  return answer;
}

}  // namespace drover::controller
