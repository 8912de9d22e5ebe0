#include "controller/runtime/history/memory.h"

#include <deque>
#include <utility>

namespace drover::controller {
namespace {

// As in records.cc, structs are taken apart by naming all of their fields.

v1::HistoryPanic ToProto(const KpaState& kpa) {
  const auto& [panic_since, max_panic, delay] = kpa;
  v1::HistoryPanic out;
  if (panic_since) {
    out.set_since_ns(panic_since->nanoseconds());
  }
  out.set_most(max_panic);
  if (delay) {
    out.set_delays(true);
    out.set_delay_ns(absl::ToInt64Nanoseconds(delay->window()));
    out.set_granularity_ns(absl::ToInt64Nanoseconds(delay->granularity()));
    for (const MaxWindow::Entry& entry : delay->entries()) {
      v1::HistoryBucket* bucket = out.add_delay();
      bucket->set_at(entry.bucket);
      bucket->set_count(entry.value);
    }
  }
  return out;
}

KpaState ToCore(const v1::HistoryPanic& panic) {
  KpaState out;
  if (panic.has_since_ns()) {
    out.panic_since = Instant::FromNanoseconds(panic.since_ns());
  }
  out.max_panic = panic.most();
  if (panic.delays() && panic.granularity_ns() > 0) {
    std::deque<MaxWindow::Entry> entries;
    for (const v1::HistoryBucket& bucket : panic.delay()) {
      entries.push_back({.bucket = bucket.at(), .value = bucket.count()});
    }
    out.delay.emplace(absl::Nanoseconds(panic.delay_ns()), absl::Nanoseconds(panic.granularity_ns()),
                      std::move(entries));
  }
  return out;
}

// What the families other than Drover's own remember.
void PutFamilies(const ScalingHistory& memory, v1::HistoryMemory& out) {
  for (const FailedReads& failed : memory.failed_reads) {
    const auto& [count, last] = failed;
    v1::HistoryMemory::Step* step = out.add_failed_reads();
    step->set_value(count);
    step->set_at_ns(last.nanoseconds());
  }
  if (memory.last_pass) {
    out.set_last_pass_ns(memory.last_pass->nanoseconds());
  }
  if (memory.kpa) {
    *out.mutable_panic() = ToProto(*memory.kpa);
  }
  for (const AverageWindow::Bucket& average : memory.kpa_values.buckets()) {
    v1::HistoryBucket* bucket = out.add_averages();
    bucket->set_at(average.second);
    bucket->set_sum(average.sum);
    bucket->set_count(average.count);
  }
  if (memory.zero_since) {
    out.set_zero_since_ns(memory.zero_since->nanoseconds());
  }
}

void TakeFamilies(const v1::HistoryMemory& memory, ScalingHistory& out) {
  for (const v1::HistoryMemory::Step& step : memory.failed_reads()) {
    out.failed_reads.push_back({.count = step.value(), .last = Instant::FromNanoseconds(step.at_ns())});
  }
  if (memory.has_last_pass_ns()) {
    out.last_pass = Instant::FromNanoseconds(memory.last_pass_ns());
  }
  if (memory.has_panic()) {
    out.kpa = ToCore(memory.panic());
  }
  std::deque<AverageWindow::Bucket> buckets;
  for (const v1::HistoryBucket& bucket : memory.averages()) {
    buckets.push_back({.second = bucket.at(), .sum = bucket.sum(), .count = bucket.count()});
  }
  out.kpa_values = AverageWindow(std::move(buckets));
  if (memory.has_zero_since_ns()) {
    out.zero_since = Instant::FromNanoseconds(memory.zero_since_ns());
  }
}

}  // namespace

v1::HistoryMemory ToProto(const ScalingHistory& memory) {
  const auto& [since, count_at_start, recommendations, changes, last_work, failed_reads, last_pass, kpa,
               kpa_values, zero_since, promises] = memory;
  v1::HistoryMemory out;
  PutFamilies(memory, out);
  for (const auto& [signal, promise] : promises) {
    *out.add_promises() = ToProto(promise, signal);
  }
  out.set_since_ns(since.nanoseconds());
  out.set_count_at_start(count_at_start);
  for (const Recommendation& recommendation : recommendations) {
    const auto& [at, value] = recommendation;
    v1::HistoryMemory::Step* step = out.add_recommendations();
    step->set_at_ns(at.nanoseconds());
    step->set_value(value);
  }
  for (const ScaleChange& scaled : changes) {
    const auto& [at, change] = scaled;
    v1::HistoryMemory::Step* step = out.add_changes();
    step->set_at_ns(at.nanoseconds());
    step->set_value(change);
  }
  if (last_work) {
    out.set_last_work_ns(last_work->nanoseconds());
  }
  return out;
}

ScalingHistory ToCore(const v1::HistoryMemory& memory) {
  ScalingHistory out;
  TakeFamilies(memory, out);
  for (const v1::HistoryPromise& promise : memory.promises()) {
    out.promises[promise.signal()] = ToCore(promise);
  }
  out.since = Instant::FromNanoseconds(memory.since_ns());
  out.count_at_start = memory.count_at_start();
  for (const v1::HistoryMemory::Step& step : memory.recommendations()) {
    out.recommendations.push_back({.at = Instant::FromNanoseconds(step.at_ns()), .value = step.value()});
  }
  for (const v1::HistoryMemory::Step& step : memory.changes()) {
    out.changes.push_back({.at = Instant::FromNanoseconds(step.at_ns()), .change = step.value()});
  }
  if (memory.has_last_work_ns()) {
    out.last_work = Instant::FromNanoseconds(memory.last_work_ns());
  }
  return out;
}

}  // namespace drover::controller
