#include "simulate/past.h"

#include <algorithm>
#include <utility>

namespace drover::simulate {
namespace {

using controller::AutoscaleSpec;
using controller::SignalInput;
using controller::SignalSpec;

bool CountsJobs(const SignalSpec& signal) {
  return signal.kind == SignalSpec::Kind::kQueue || signal.kind == SignalSpec::Kind::kExternal;
}

// One queue may stand in several signals.
bool IsFirstOfItsQueue(const AutoscaleSpec& spec, size_t index) {
  const SignalSpec& signal = spec.signals[index];
  return CountsJobs(signal) &&
         std::none_of(spec.signals.begin(), spec.signals.begin() + static_cast<std::ptrdiff_t>(index),
                      [&](const SignalSpec& s) { return CountsJobs(s) && s.queue == signal.queue; });
}

// A sum that is known only when all of its parts are.
class Total {
 public:
  void Add(std::optional<double> part) {
    sum_ = part && known_ ? std::optional(sum_.value_or(0) + *part) : std::nullopt;
    known_ &= part.has_value();
  }

  std::optional<double> Get() const { return sum_; }

 private:
  std::optional<double> sum_;
  bool known_ = true;
};

struct QueueTotals {
  Total jobs;
  Total running;
  Total arrivals;
  Total completions;

  void Add(const SignalInput& signal) {
    const std::optional<controller::WaitingLoad>& load = signal.load;
    jobs.Add(load ? std::optional(load->waiting + load->running.value_or(0)) : signal.total);
    running.Add(load ? load->running : std::nullopt);
    arrivals.Add(load ? load->arrivals : std::nullopt);
    completions.Add(load ? load->completions : std::nullopt);
  }
};

std::optional<double> UsageOf(const SignalInput& cpu) {
  double used = 0;
  double reserved = 0;
  for (const controller::ReplicaUsage& replica : cpu.replicas) {
    if (replica.ready && replica.used) {
      used += *replica.used;
      reserved += replica.reserved;
    }
  }
  return reserved > 0 ? std::optional(used / reserved) : std::nullopt;
}

// Without what is only a first guess.
std::optional<double> LearnedLength(const controller::ScalingHistory& memory) {
  for (const auto& [signal, promise] : memory.promises) {
    const controller::LoadEstimate::Memory& load = promise.load.memory;
    if (load.done > 0 && load.busy_s > 0) {
      return load.busy_s / load.done;
    }
  }
  return std::nullopt;
}

}  // namespace

void Past::Add(const controller::Evaluation& evaluation, int64_t desired) {
  const AutoscaleSpec& spec = *evaluation.spec;
  PastPoint point{
      .at = evaluation.input.wall, .desired = desired, .ready = static_cast<double>(evaluation.input.ready)};
  QueueTotals totals;
  for (size_t i = 0; i < spec.signals.size(); ++i) {
    const SignalInput& signal = evaluation.input.signals[i];
    if (spec.signals[i].kind == SignalSpec::Kind::kCpu) {
      point.usage = UsageOf(signal);
    } else if (IsFirstOfItsQueue(spec, i)) {
      totals.Add(signal);
      jobs_by_queue_[spec.signals[i].queue] += signal.total.value_or(0);
    }
  }
  point.jobs = totals.jobs.Get();
  point.running = totals.running.Get();
  point.arrivals = totals.arrivals.Get();
  point.completions = totals.completions.Get();
  points_.push_back(point);
  for (const Duration startup : evaluation.input.startups) {
    startups_s_.push_back(absl::ToDoubleSeconds(startup));
  }
  if (evaluation.before) {
    learned_s_ = LearnedLength(*evaluation.before);
  }
}

void Past::AddMean(PastPoint point, const AutoscaleSpec& spec,
                   const std::vector<std::optional<PastMean>>& signals) {
  Total jobs;
  for (size_t i = 0; i < std::min(signals.size(), spec.signals.size()); ++i) {
    const std::optional<PastMean>& signal = signals[i];
    if (spec.signals[i].kind == SignalSpec::Kind::kCpu && signal && signal->reserved > 0) {
      point.usage = signal->total / signal->reserved;
    } else if (IsFirstOfItsQueue(spec, i)) {
      jobs.Add(signal ? std::optional(signal->total) : std::nullopt);
      jobs_by_queue_[spec.signals[i].queue] += signal ? signal->total : 0;
    }
  }
  point.jobs = jobs.Get();
  point.mean = true;
  points_.push_back(point);
}

}  // namespace drover::simulate
