#include <algorithm>
#include <utility>
#include <vector>

#include "controller/runtime/history/memory.h"

namespace drover::controller {
namespace {

// As in records.cc, structs are taken apart by naming all of their fields.

std::vector<Trail::Point> ToCore(
    const google::protobuf::RepeatedPtrField<v1::HistoryPromise::Point>& points) {
  std::vector<Trail::Point> out;
  for (const v1::HistoryPromise::Point& point : points) {
    out.push_back({.at = point.at_s(), .value = point.value()});
  }
  return out;
}

void Put(const Trail& trail, google::protobuf::RepeatedPtrField<v1::HistoryPromise::Point>* out) {
  for (const Trail::Point& point : trail.points()) {
    const auto& [at, value] = point;
    v1::HistoryPromise::Point* added = out->Add();
    added->set_at_s(at);
    added->set_value(value);
  }
}

void PutCounters(const std::optional<double>& arrivals, const std::optional<double>& completions,
                 v1::HistoryLoad& out) {
  if (arrivals) {
    out.set_arrivals(*arrivals);
  }
  if (completions) {
    out.set_completions(*completions);
  }
}

// `Sample`: LoadSample or ThroughputSample.
template <typename Sample>
void TakeCounters(const v1::HistoryLoad& load, Sample& out) {
  if (load.has_arrivals()) {
    out.arrivals = load.arrivals();
  }
  if (load.has_completions()) {
    out.completions = load.completions();
  }
}

v1::HistoryLoad ToProto(const LoadSample& sample) {
  const auto& [at_s, waiting, running, ready, arrivals, completions] = sample;
  v1::HistoryLoad out;
  out.set_at_s(at_s);
  out.set_waiting(waiting);
  if (running) {
    out.set_running(*running);
  }
  out.set_ready(ready);
  PutCounters(arrivals, completions, out);
  return out;
}

LoadSample LoadSampleOf(const v1::HistoryLoad& load) {
  LoadSample out;
  out.at_s = load.at_s();
  out.waiting = load.waiting();
  if (load.has_running()) {
    out.running = load.running();
  }
  out.ready = load.ready();
  TakeCounters(load, out);
  return out;
}

v1::HistoryLoad ToProto(const ThroughputSample& sample) {
  const auto& [at_s, waiting, busy, arrivals, completions] = sample;
  v1::HistoryLoad out;
  out.set_at_s(at_s);
  out.set_waiting(waiting);
  out.set_running(busy);
  PutCounters(arrivals, completions, out);
  return out;
}

ThroughputSample ThroughputSampleOf(const v1::HistoryLoad& load) {
  ThroughputSample out;
  out.at_s = load.at_s();
  out.waiting = load.waiting();
  out.busy = load.running();
  TakeCounters(load, out);
  return out;
}

v1::HistoryLoadEstimate ToProto(const LoadEstimate& load) {
  const auto& [demand, mean, service_s, arrived, rate, jumped, memory] = load;
  const auto& [last, busy_s, done, queued_at_s, queued, mean_age_s, rate_age_s] = memory;
  v1::HistoryLoadEstimate out;
  out.set_demand(demand);
  out.set_mean(mean);
  out.set_service_s(service_s);
  out.set_arrived(arrived);
  out.set_rate(rate);
  out.set_jumped(jumped);
  if (last) {
    *out.mutable_last() = ToProto(*last);
  }
  out.set_busy_s(busy_s);
  out.set_done(done);
  out.set_queued_at_s(queued_at_s);
  out.set_queued(queued);
  out.set_mean_age_s(mean_age_s);
  out.set_rate_age_s(rate_age_s);
  return out;
}

LoadEstimate ToCore(const v1::HistoryLoadEstimate& load) {
  LoadEstimate out;
  out.demand = load.demand();
  out.mean = load.mean();
  out.service_s = load.service_s();
  out.arrived = load.arrived();
  out.rate = load.rate();
  out.jumped = load.jumped();
  if (load.has_last()) {
    out.memory.last = LoadSampleOf(load.last());
  }
  out.memory.busy_s = load.busy_s();
  out.memory.done = load.done();
  out.memory.queued_at_s = load.queued_at_s();
  out.memory.queued = load.queued();
  out.memory.mean_age_s = load.mean_age_s();
  out.memory.rate_age_s = load.rate_age_s();
  return out;
}

v1::HistoryThroughput ToProto(const ThroughputWatch& watch) {
  const auto& [last, seen_s, busy, came, done, reference_busy, reference_done, suspected_s, limit,
               limited_done] = watch.state();
  v1::HistoryThroughput out;
  if (last) {
    *out.mutable_last() = ToProto(*last);
  }
  out.set_seen_s(seen_s);
  out.set_busy(busy);
  out.set_came(came);
  out.set_done(done);
  out.set_reference_busy(reference_busy);
  out.set_reference_done(reference_done);
  if (suspected_s) {
    out.set_suspected_s(*suspected_s);
  }
  if (limit) {
    out.set_limit(*limit);
  }
  out.set_limited_done(limited_done);
  return out;
}

ThroughputWatch ToCore(const v1::HistoryThroughput& watch) {
  ThroughputWatch::State out;
  if (watch.has_last()) {
    out.last = ThroughputSampleOf(watch.last());
  }
  out.seen_s = watch.seen_s();
  out.busy = watch.busy();
  out.came = watch.came();
  out.done = watch.done();
  out.reference_busy = watch.reference_busy();
  out.reference_done = watch.reference_done();
  if (watch.has_suspected_s()) {
    out.suspected_s = watch.suspected_s();
  }
  if (watch.has_limit()) {
    out.limit = watch.limit();
  }
  out.limited_done = watch.limited_done();
  return ThroughputWatch(std::move(out));
}

void PutGaps(const ReturnGaps& gaps, v1::HistoryPromise& out) {
  const auto& [begun, level, open, closed] = gaps.state();
  out.set_gaps_begun(begun);
  out.set_gaps_level(level);
  for (const ReturnGaps::Run& run : open) {
    const auto& [top, since_s] = run;
    v1::HistoryPromise::Run* added = out.add_gaps_open();
    added->set_top(top);
    added->set_since_s(since_s);
  }
  out.mutable_gaps_closed()->Assign(closed.begin(), closed.end());
}

ReturnGaps GapsOf(const v1::HistoryPromise& promise) {
  ReturnGaps::State out;
  out.begun = promise.gaps_begun();
  out.level = promise.gaps_level();
  for (const v1::HistoryPromise::Run& run : promise.gaps_open()) {
    out.open.push_back({.top = run.top(), .since_s = run.since_s()});
  }
  const auto& closed = promise.gaps_closed();
  std::copy_n(closed.begin(), std::min<size_t>(out.closed.size(), static_cast<size_t>(closed.size())),
              out.closed.begin());
  return ReturnGaps(std::move(out));
}

v1::HistorySeason ToProto(const HourSeason& season) {
  const auto& [reckoned, past, minute, latest] = season.state();
  v1::HistorySeason out;
  Put(reckoned, out.mutable_reckoned());
  for (const std::vector<HourSeason::Minute>& hours : past) {
    v1::HistorySeason::Minute* added = out.add_past();
    for (const auto& [load, unseen] : hours) {
      added->add_load(load);
      added->add_unseen(unseen);
    }
  }
  out.set_minute(minute);
  out.set_load(latest.load);
  out.set_unseen(latest.unseen);
  return out;
}

HourSeason ToCore(const v1::HistorySeason& season) {
  HourSeason::State out;
  out.reckoned = Trail(ToCore(season.reckoned()));
  if (season.past_size() > 0) {
    out.past.resize(HourSeason::kMinutes);
  }
  const int minutes = std::min(season.past_size(), static_cast<int>(HourSeason::kMinutes));
  for (int i = 0; i < minutes; ++i) {
    const v1::HistorySeason::Minute& hours = season.past(i);
    const int size = std::min({hours.load_size(), hours.unseen_size(), static_cast<int>(HourSeason::kHours)});
    for (int hour = 0; hour < size; ++hour) {
      out.past[static_cast<size_t>(i)].push_back({.load = hours.load(hour), .unseen = hours.unseen(hour)});
    }
  }
  out.minute = season.minute();
  out.latest = {.load = season.load(), .unseen = season.unseen()};
  return HourSeason(std::move(out));
}

}  // namespace

v1::HistoryPromise ToProto(const MaxWaitState& promise, size_t signal) {
  const auto& [begin, last_s, load, startup_s, startups, account, error, gaps, season, throughput, surge,
               added_s, removed_s, quantile] = promise;
  const auto& [arrived, overdue, debt, price] = account;
  const auto& [forecasts, bias, spread] = error;
  v1::HistoryPromise out;
  out.set_signal(static_cast<uint32_t>(signal));
  if (begin) {
    out.set_begin_ns(begin->nanoseconds());
  }
  out.set_last_s(last_s);
  *out.mutable_load() = ToProto(load);
  out.set_startup_s(startup_s);
  out.set_measured(startups);
  Put(arrived, out.mutable_arrived());
  out.set_overdue(overdue);
  out.set_debt(debt);
  out.set_price(price);
  Put(forecasts, out.mutable_forecasts());
  out.set_bias(bias);
  out.set_spread(spread);
  PutGaps(gaps, out);
  *out.mutable_season() = ToProto(season);
  *out.mutable_throughput() = ToProto(throughput);
  out.set_surge(surge);
  out.set_added_s(added_s);
  out.set_removed_s(removed_s);
  if (quantile) {
    const auto& [share, replica_s, at] = *quantile;
    out.mutable_quantile()->set_quantile(share);
    out.mutable_quantile()->set_replica_s(replica_s);
    out.mutable_quantile()->set_at_ns(at.nanoseconds());
  }
  return out;
}

MaxWaitState ToCore(const v1::HistoryPromise& promise) {
  MaxWaitState out;
  if (promise.has_begin_ns()) {
    out.begin = Instant::FromNanoseconds(promise.begin_ns());
  }
  out.last_s = promise.last_s();
  out.load = ToCore(promise.load());
  out.startup_s = promise.startup_s();
  out.startups = promise.measured();
  out.account = {.arrived = Trail(ToCore(promise.arrived())),
                 .overdue = promise.overdue(),
                 .debt = promise.debt(),
                 .price = promise.price()};
  out.error = {
      .forecasts = Trail(ToCore(promise.forecasts())), .bias = promise.bias(), .spread = promise.spread()};
  out.gaps = GapsOf(promise);
  out.season = ToCore(promise.season());
  out.throughput = ToCore(promise.throughput());
  out.surge = promise.surge();
  out.added_s = promise.added_s();
  out.removed_s = promise.removed_s();
  if (promise.has_quantile()) {
    out.quantile = KeptQuantile{.quantile = promise.quantile().quantile(),
                                .replica_s = promise.quantile().replica_s(),
                                .at = Instant::FromNanoseconds(promise.quantile().at_ns())};
  }
  return out;
}

}  // namespace drover::controller
