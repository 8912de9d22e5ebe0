#include "controller/core/autoscale/max_wait.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/core/autoscale/staffing.h"

namespace drover::controller {
namespace {

// One setting for all loads.
constexpr double kStartupPrior = 10;       // s, counts as two measured starts
constexpr double kLeastPrice = 10;         // of a late job, in mean job lengths of replica time
constexpr double kPriceOfDebt = 15;        // for one start-up's arrivals beyond the allowed
constexpr double kMostDebt = 6;            // start-ups: capacity is not held at any price
constexpr double kDebtScale = 100;         // start-ups in which it is forgotten: once is no habit
constexpr double kLateAtLeastPrice = 0.1;  // share that may be late by chance, times the price
constexpr double kBiasScale = 5;           // start-ups
constexpr double kSpreadScale = 10;
constexpr double kSpreadShare = 0.3;  // of the normal quantile, for errors beyond Poisson noise
constexpr double kLongestHold = 100;  // start-ups
constexpr double kUrgent = 0.5;       // of the promise: an expected wait that allows no more delay
constexpr double kTolerable = 0.25;   // of the promise: an expected wait that needs no surge
constexpr double kSmall = 0.3;        // standard deviations of a Poisson load: no reason to remove
constexpr double kRemoveScale = 1;    // start-ups between removals
constexpr double kRounding = 1e-3;    // of a replica
constexpr double kLongAgo = 1e9;      // s
constexpr double kSeasonLead = 1.5;   // start-ups: the mean is too late for half of them
constexpr double kGap = 5;            // start-ups without a sample: begin anew from the present count
constexpr double kLeastGap = 30;      // s, however short start-ups are: samples come every few seconds

struct Step {
  double now_s = 0;
  double step_s = 0;
  double promise_s = 0;
  const MaxWaitInput& input;

  // Jobs that `replicas` do at once; loads are counted in these.
  double Capacity(int64_t replicas) const { return static_cast<double>(replicas) * input.load.slots; }

  double Replicas(double capacity) const { return capacity / input.load.slots; }
};

void LearnStartups(const std::vector<Duration>& startups, MaxWaitState& state) {
  if (state.startup_s == 0) {
    state.startup_s = kStartupPrior;
  }
  for (const Duration startup : startups) {
    state.startups += 1;
    const double weight = std::max(0.02, 1 / (state.startups + 1));
    state.startup_s += weight * (std::max(0.2, absl::ToDoubleSeconds(startup)) - state.startup_s);
  }
}

// Jobs that have become overdue since the last sample, from arrivals of the promised wait before.
double NewlyLate(const Step& at, MaxWaitState& state) {
  PromiseAccount& account = state.account;
  const LoadEstimate& load = state.load;
  account.arrived.Add(at.now_s, load.arrived, at.promise_s);
  const std::optional<double> then = account.arrived.At(at.now_s - at.promise_s);
  const std::optional<double> before = account.arrived.At(at.now_s - at.promise_s - at.step_s);
  const double waiting = at.input.load.waiting;
  double overdue = then ? std::max(0.0, waiting - (load.arrived - *then)) : 0;
  if (at.input.load.oldest && absl::ToDoubleSeconds(*at.input.load.oldest) <= at.promise_s) {
    overdue = 0;
  }
  account.overdue = overdue;
  return then ? std::min(overdue, *then - before.value_or(*then)) : 0;
}

void KeepAccount(const Step& at, double arrivals, MaxWaitState& state) {
  PromiseAccount& account = state.account;
  const double late = NewlyLate(at, state);
  const double startup_jobs = std::max(1.0, state.load.rate * state.startup_s);
  account.debt *= 1 - WeightOf(at.step_s, kDebtScale * state.startup_s);
  account.debt += (late - at.input.late_share * arrivals) / startup_jobs;
  account.debt = std::clamp(account.debt, 0.0, kMostDebt);
  account.price = kLeastPrice + kPriceOfDebt * account.debt;
}

// The load's state relaxes to its mean with the service time.
double Forecast(const MaxWaitState& state) {
  const LoadEstimate& load = state.load;
  return load.mean + (load.demand - load.mean) * std::exp(-state.startup_s / load.service_s);
}

// Variance of a Poisson load's state a start-up after it was seen, for a mean of 1.
double OwnNoise(const MaxWaitState& state) {
  return 1 - std::exp(-2 * state.startup_s / state.load.service_s);
}

void LearnError(const Step& at, double forecast, MaxWaitState& state) {
  ForecastError& error = state.error;
  const double mean = std::max(1.0, state.load.mean);
  if (error.spread < 0) {
    error.spread = mean * OwnNoise(state);
  }
  if (state.load.jumped) {
    error.forecasts.Clear();
    error.bias = 0;
  }
  error.forecasts.Add(at.now_s, forecast, state.startup_s);
  if (const std::optional<double> then = error.forecasts.At(at.now_s - state.startup_s)) {
    const double missing = state.load.demand - *then;
    error.bias += WeightOf(at.step_s, kBiasScale * state.startup_s) * (missing - error.bias);
    const double square = missing > 0 ? 2 * missing * missing : 0;
    error.spread += WeightOf(at.step_s, kSpreadScale * state.startup_s) * (square - error.spread);
  }
}

struct Need {
  double load = 0;
  double spare = 0;
};

Need NeedAhead(const Step& at, double forecast, const MaxWaitState& state) {
  const double price = state.account.price;
  const double mean = std::max(1.0, state.load.mean);
  const double own = mean * OwnNoise(state);
  const double spread = state.error.spread;
  Need need;
  need.load = std::max(0.0, forecast + std::max(0.0, state.error.bias));
  const double dispersion = std::max(OwnNoise(state), std::min(2.0, spread / mean));
  need.spare =
      SpareFor({.busy = need.load, .dispersion = dispersion, .promise = at.promise_s / state.load.service_s},
               kLateAtLeastPrice / price);
  const double beyond = std::sqrt(std::max(0.0, spread - 1.3 * own));
  need.spare += kSpreadShare * NormalQuantile(1 - 1 / price) * beyond;
  return need;
}

// Capacity that works off a backlog which the ones there and coming leave late; kept until it is gone.
// More of them shorten the time in which everybody is late and cost their start: the square root is
// where both are equal.
double Surge(const Step& at, double load, int64_t held, const MaxWaitState& state) {
  const double service_s = state.load.service_s;
  const double waiting = at.input.load.waiting;
  const double ready = at.Capacity(at.input.ready);
  const double starting = at.Capacity(std::max<int64_t>(0, at.input.current - at.input.ready));
  const double lasting = std::max(1.0, std::min(ready, at.Capacity(held)));
  const double tolerable = kTolerable * at.promise_s / service_s * lasting;
  if (waiting <= tolerable) {
    return 0;
  }
  const double jobs_left = waiting + (load - ready - starting / 2) * state.startup_s / service_s;
  if (jobs_left <= std::max(2.0, tolerable)) {
    return state.surge;
  }
  const double price_s = 50 * service_s;
  const double in_time = jobs_left * std::min(1.0, 2 * service_s / at.promise_s);  // within half the promise
  const double extra = std::min(in_time, std::sqrt(price_s * load * jobs_left / state.startup_s));
  return std::max(state.surge, load + extra);
}

// Replicas for what comes at this minute of the hour: as many as cost less, idle once, than their absence
// for a start-up would.
int64_t Seasonal(const Step& at, const Need& need, MaxWaitState& state) {
  const double reckoned = need.load + need.spare;
  state.season.Add(at.now_s, state.load.demand, reckoned, state.startup_s);
  const double idle_s = 2 * state.startup_s + HourSeason::kMinuteSeconds;
  const double missed_s = state.account.price * (state.startup_s - at.promise_s);
  if (idle_s >= missed_s) {
    return 0;
  }
  const double load =
      state.season.Expected(at.now_s, kSeasonLead * state.startup_s, reckoned, idle_s / missed_s);
  return CeilToCount(at.Replicas(load - kRounding));
}

// Few changes: nothing small is removed, nothing twice within a start-up, nothing added right after a
// removal unless jobs wait.
void Batch(const Step& at, double load, MaxWaitState& state, Wish& wish) {
  const int64_t current = at.input.current;
  const int64_t wanted = *wish.wish;
  const double since_removed_s = at.now_s - state.removed_s;
  if (wanted < current) {
    const double small = std::max(1.0, at.Replicas(kSmall * std::sqrt(load)));
    if (static_cast<double>(current - wanted) < small) {
      wish = HeldWish(std::move(wish), current, "small", "fewer than change at once");
    } else if (since_removed_s < kRemoveScale * state.startup_s) {
      wish = HeldWish(std::move(wish), current, "batch", "removed some less than a start-up ago");
    } else {
      state.removed_s = at.now_s;
    }
  } else if (wanted > current) {
    const double ready = std::max(1.0, at.Capacity(at.input.ready));
    const bool urgent = at.input.load.waiting * state.load.service_s / ready > kUrgent * at.promise_s;
    const bool soon = std::min(since_removed_s, 2 * (at.now_s - state.added_s)) < state.startup_s;
    if (soon && !urgent && current > 0) {
      wish = HeldWish(std::move(wish), current, "batch",
                      "changed less than a start-up ago, and no job waits long");
    } else {
      state.added_s = at.now_s;
    }
  }
}

// More replicas do not help while something behind them is the limit.
void Limit(const MaxWaitInput& input, const MaxWaitState& state, Wish& wish) {
  if (const std::optional<double> limit = state.throughput.limit(); limit && *wish.wish > input.current) {
    // The limit is in jobs at a time.
    const double enough = std::ceil(*limit / input.load.slots);
    wish = HeldWish(
        std::move(wish), input.current, "downstream limit",
        absl::StrFormat("%d replicas do no more work than %.0f did; look behind them", input.ready, enough));
  }
}

// Replicas, by what asks for them.
struct Counts {
  int64_t level = 0;  // the need
  int64_t held = 0;   // and what is likely to be needed again
  int64_t seasonal = 0;
  int64_t surge = 0;

  int64_t Most() const { return std::max({held, seasonal, surge}); }
};

std::string Formula(const Need& need, double slots, const Counts& counts, double hold_s) {
  std::string text = absl::StrFormat("load %.1f + spare %.1f", need.load, need.spare);
  if (slots != 1) {
    absl::StrAppend(&text, ", ", FormatNumber(slots), " in each");
  }
  absl::StrAppend(&text, " = ", counts.level);
  const int64_t most = counts.Most();
  if (most == counts.held) {
    if (most > counts.level) {
      absl::StrAppendFormat(&text, ", %d needed within %.0f s", most, hold_s);
    }
  } else if (most == counts.seasonal) {
    absl::StrAppendFormat(&text, ", %d for what comes at this minute of the hour", most);
  } else {
    absl::StrAppendFormat(&text, ", %d to work off the backlog", most);
  }
  return text;
}

// Starts or resumes the state; what was before a long gap without samples is no guide (R2.1).
Step Begin(const MaxWaitInput& input, MaxWaitState& state) {
  if (!state.begin) {
    state.begin = input.now;
    state.removed_s = state.added_s = -kLongAgo;
  }
  LearnStartups(input.startups, state);
  const double now_s = absl::ToDoubleSeconds(input.now - *state.begin);
  const Step at = {.now_s = now_s,
                   .step_s = std::max(0.0, now_s - state.last_s),
                   .promise_s = absl::ToDoubleSeconds(input.max_wait),
                   .input = input};
  state.last_s = now_s;
  if (!state.gaps.begun() || at.step_s > std::max(kLeastGap, kGap * state.startup_s)) {
    state.gaps.Begin(now_s, input.current);
  }
  return at;
}

void Observe(const Step& at, MaxWaitState& state) {
  const WaitingLoad& load = at.input.load;
  const double arrived = state.load.arrived;
  state.load.Add({.at_s = at.now_s,
                  .waiting = load.waiting,
                  .running = load.running,
                  .ready = std::llround(at.Capacity(at.input.ready)),
                  .arrivals = load.arrivals,
                  .completions = load.completions},
                 state.startup_s, at.promise_s);
  KeepAccount(at, state.load.arrived - arrived, state);
  state.throughput.Add({.at_s = at.now_s,
                        .waiting = load.waiting,
                        .busy = load.running.value_or(at.Capacity(at.input.ready)),
                        .arrivals = load.arrivals,
                        .completions = load.completions},
                       state.startup_s, state.load.service_s);
}

}  // namespace

Wish MaxWaitWish(const MaxWaitInput& input, MaxWaitState& state) {
  const Step at = Begin(input, state);
  Observe(at, state);
  const double forecast = Forecast(state);
  LearnError(at, forecast, state);
  const Need need = NeedAhead(at, forecast, state);
  const int64_t level = CeilToCount(at.Replicas(need.load + need.spare - kRounding));
  state.gaps.Set(at.now_s, level, state.startup_s);
  const double absent_s = std::max(0.0, state.startup_s - at.promise_s);
  const double hold_s = std::clamp(
      state.gaps.BestHold(at.now_s, state.startup_s + state.account.price * absent_s, state.startup_s),
      state.startup_s, kLongestHold * state.startup_s);
  const int64_t held = state.gaps.Held(at.now_s, hold_s);
  state.surge = Surge(at, need.load, held, state);
  const Counts counts = {.level = level,
                         .held = held,
                         .seasonal = Seasonal(at, need, state),
                         .surge = CeilToCount(at.Replicas(state.surge))};
  Wish wish;
  wish.value = input.load.waiting + input.load.running.value_or(0);
  wish.raw = counts.Most();
  wish.wish = wish.raw;
  wish.formula = Formula(need, input.load.slots, counts, hold_s);
  Limit(input, state, wish);
  Batch(at, need.load, state, wish);
  return wish;
}

Duration MaxWaitPeriod(const MaxWaitState& state) {
  return std::clamp(absl::Seconds(state.startup_s / 10), absl::Seconds(1), absl::Seconds(10));
}

}  // namespace drover::controller
