#include "controller/runtime/history/thin.h"

#include <algorithm>
#include <utility>

namespace drover::controller {
namespace {

void Append(FrameKind kind, const v1::HistoryRecord& record, std::string& out) {
  const std::string payload = record.SerializeAsString();
  AppendFrame({kind, FrameKey({record.stack(), record.service()}), payload}, out);
}

struct Reading {
  double total = 0;
  double reserved = 0;
};

// The total of a shared source, or the sum over the replicas whose use is known.
std::optional<Reading> ReadingOf(const SignalInput& signal) {
  if (signal.total) {
    return Reading{*signal.total, 0};
  }
  std::optional<Reading> reading;
  for (const ReplicaUsage& usage : signal.replicas) {
    if (usage.used) {
      reading = reading.value_or(Reading());
      reading->total += *usage.used;
      reading->reserved += usage.reserved;
    }
  }
  return reading;
}

}  // namespace

void Thinner::Take(const Frame& frame, std::string& out) {
  if (frame.kind != FrameKind::kEvaluation) {
    AppendFrame(frame, out);
    return;
  }
  v1::HistoryRecord record;
  if (!record.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
    return;
  }
  Open& open = open_[{record.stack(), record.service()}];
  if (const auto decoded = open.decoder.Decode(record)) {
    Add(decoded->evaluation, open, out);
  }
  if (record.evaluation().has_decision()) {
    v1::HistoryRecord kept;
    kept.set_wall_ns(record.wall_ns());
    kept.set_stack(record.stack());
    kept.set_service(record.service());
    kept.mutable_evaluation()->set_id(record.evaluation().id());
    *kept.mutable_evaluation()->mutable_decision() = record.evaluation().decision();
    Append(FrameKind::kEvaluation, kept, out);
  }
}

void Thinner::Add(const Evaluation& evaluation, Open& open, std::string& out) {
  const DecideInput& input = evaluation.input;
  const int64_t span = absl::ToUnixNanos(input.wall) / absl::ToInt64Nanoseconds(kMeanSpan);
  if (open.mean.has_mean() && (open.span != span || open.sums.size() != input.signals.size() ||
                               open.spec != evaluation.spec->source)) {
    Close(open, out);
  }
  v1::HistoryMean& mean = *open.mean.mutable_mean();
  const int64_t desired = evaluation.decision == nullptr ? input.current : evaluation.decision->desired;
  if (mean.evaluations() == 0) {
    open.span = span;
    open.sums.assign(input.signals.size(), {});
    open.mean.set_wall_ns(span * absl::ToInt64Nanoseconds(kMeanSpan));
    open.mean.set_stack(input.service.stack);
    open.mean.set_service(input.service.service);
    mean.set_span_ns(absl::ToInt64Nanoseconds(kMeanSpan));
    mean.set_least_desired(desired);
    mean.set_most_desired(desired);
    if (open.spec != evaluation.spec->source) {
      open.spec = evaluation.spec->source;
      mean.mutable_spec()->ParseFromString(open.spec);
    }
  }
  mean.set_evaluations(mean.evaluations() + 1);
  mean.set_desired(desired);
  mean.set_least_desired(std::min(mean.least_desired(), desired));
  mean.set_most_desired(std::max(mean.most_desired(), desired));
  open.ready += static_cast<double>(input.ready);
  for (size_t i = 0; i < input.signals.size(); ++i) {
    if (const auto reading = ReadingOf(input.signals[i])) {
      Sums& sums = open.sums[i];
      sums.least = sums.known == 0 ? reading->total : std::min(sums.least, reading->total);
      sums.most = sums.known == 0 ? reading->total : std::max(sums.most, reading->total);
      sums.total += reading->total;
      sums.reserved += reading->reserved;
      ++sums.known;
    }
  }
}

void Thinner::Close(Open& open, std::string& out) {
  v1::HistoryMean& mean = *open.mean.mutable_mean();
  mean.set_ready(open.ready / mean.evaluations());
  for (const Sums& sums : open.sums) {
    v1::HistoryMeanSignal* signal = mean.add_signals();
    signal->set_known(sums.known);
    if (sums.known > 0) {
      signal->set_total(sums.total / sums.known);
      signal->set_reserved(sums.reserved / sums.known);
      signal->set_least(sums.least);
      signal->set_most(sums.most);
    }
  }
  Append(FrameKind::kMean, open.mean, out);
  open.mean.Clear();
  open.ready = 0;
}

void Thinner::Finish(std::string& out) {
  for (auto& [service, open] : open_) {
    if (open.mean.has_mean()) {
      Close(open, out);
    }
  }
}

}  // namespace drover::controller
