#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"
#include "simulate/figures.h"
#include "simulate/past.h"

namespace drover::simulate {
namespace {

using controller::AutoscaleSpec;
using controller::SignalSpec;

constexpr double kShortestPast = 60;  // seconds
// Between two points farther apart nobody knows what was.
constexpr double kHoleSeconds = 30;
constexpr double kLeastKnown = 0.5;  // share of the time
// Beyond so many jobs the length of a job that nobody knows is chosen longer.
constexpr double kMostGuessedJobs = 2e6;
constexpr double kGuessedJobSeconds = 1;
// A length that so few jobs tell is none.
constexpr double kFewJobs = 10;

// From one known point to the next.
struct Step {
  double at_s = 0;  // since the first point
  double length_s = 0;
  double busy = 0;                      // replicas with work, mean
  double grew = 0;                      // jobs in the system
  std::optional<double> arrivals = {};  // counted
  std::optional<double> completions = {};
  bool hole = false;
  bool mean = false;
};

std::optional<double> Counted(const std::optional<double>& before, const std::optional<double>& after) {
  return before && after && *after >= *before ? std::optional(*after - *before) : std::nullopt;
}

// What the points say about work, by one kind of signal.
class Reading {
 public:
  Reading(const Past& past, double busy_usage) : points_(past.points()), busy_usage_(busy_usage) {
    const auto has_jobs = [](const PastPoint& point) { return point.jobs.has_value(); };
    by_jobs_ = std::any_of(points_.begin(), points_.end(), has_jobs);
    // Means do not tell waiting from running jobs; whether running ones are in the total, others do.
    running_known_ = std::all_of(points_.begin(), points_.end(), [](const PastPoint& point) {
      return point.mean || !point.jobs || point.running;
    });
  }

  bool by_jobs() const { return by_jobs_; }

  // Replicas with work; absent: unknown.
  std::optional<double> Busy(const PastPoint& point) const {
    if (!by_jobs_) {
      return point.usage ? std::optional(*point.usage * point.ready / busy_usage_) : std::nullopt;
    }
    if (!point.jobs) {
      return std::nullopt;
    }
    if (point.running || (point.mean && running_known_)) {
      return std::min(point.ready, point.running.value_or(*point.jobs));
    }
    return *point.jobs > 0 ? std::optional(point.ready) : std::nullopt;
  }

  std::vector<Step> Steps() const {
    std::vector<Step> steps;
    const PastPoint* before = nullptr;
    bool skipped = false;
    for (const PastPoint& point : points_) {
      if (!Busy(point) || (before != nullptr && point.at <= before->at)) {
        skipped = true;
        continue;
      }
      if (before != nullptr) {
        steps.push_back(Between(*before, point));
        steps.back().hole = skipped || steps.back().length_s > kHoleSeconds;
      }
      before = &point;
      skipped = false;
    }
    return steps;
  }

 private:
  Step Between(const PastPoint& a, const PastPoint& b) const {
    Step step;
    step.at_s = absl::ToDoubleSeconds(a.at - points_.front().at);
    step.length_s = absl::ToDoubleSeconds(b.at - a.at);
    step.busy = (*Busy(a) + *Busy(b)) / 2;
    if (by_jobs_) {
      step.grew = *b.jobs - *a.jobs;
      step.arrivals = Counted(a.arrivals, b.arrivals);
      step.completions = Counted(a.completions, b.completions);
    }
    step.mean = a.mean;
    return step;
  }

  const std::vector<PastPoint>& points_;
  double busy_usage_;
  bool by_jobs_ = false;
  bool running_known_ = false;
};

// The largest mean of a minute, at least 1: what a replica can use beyond its reservation.
double LargestUsage(const std::vector<PastPoint>& points) {
  std::map<int64_t, std::pair<double, double>> minutes;  // sum and count
  for (const PastPoint& point : points) {
    if (point.usage) {
      auto& [sum, count] = minutes[absl::ToInt64Minutes(point.at - absl::UnixEpoch())];
      sum += *point.usage;
      ++count;
    }
  }
  double largest = 1;
  for (const auto& [minute, usage] : minutes) {
    largest = std::max(largest, usage.first / usage.second);
  }
  return largest;
}

// CPU of a replica with a job; 1 where there is no such signal.
double UsageWithJobs(const std::vector<PastPoint>& points, const Reading& reading) {
  double used = 0;
  double busy = 0;
  for (const PastPoint& point : points) {
    const std::optional<double> with_work = reading.Busy(point);
    if (point.usage && with_work) {
      used += *point.usage * point.ready;
      busy += *with_work;
    }
  }
  return used > 0 && busy > 0 ? used / busy : 1;
}

struct JobLengthFound {
  double seconds = 0;
  std::string how;
};

std::optional<JobLengthFound> CountedLength(const std::vector<Step>& steps) {
  double busy_s = 0;
  double done = 0;
  for (const Step& step : steps) {
    const std::optional<double> ended = step.completions ? step.completions
                                        : step.arrivals  ? std::optional(*step.arrivals - step.grew)
                                                         : std::nullopt;
    if (ended) {
      busy_s += step.busy * step.length_s;
      done += *ended;
    }
  }
  if (done < kFewJobs || busy_s <= 0) {
    return std::nullopt;
  }
  return JobLengthFound{busy_s / done, "from counted jobs"};
}

// A count of jobs that falls bounds their length from above.
std::optional<JobLengthFound> LengthAtMost(const std::vector<Step>& steps, std::optional<double> learned) {
  double busy_s = 0;
  double ended = 0;
  for (const Step& step : steps) {
    if (!step.hole && !step.mean) {
      busy_s += step.busy * step.length_s;
      ended += std::max(0.0, -step.grew);
    }
  }
  double seconds = learned.value_or(absl::ToDoubleSeconds(absl::InfiniteDuration()));
  if (ended >= kFewJobs && busy_s > 0) {
    seconds = std::min(seconds, busy_s / ended);
  }
  if (!std::isfinite(seconds)) {
    return std::nullopt;
  }
  return JobLengthFound{seconds, "at most, from how fast jobs ended; --service-time sets it"};
}

absl::StatusOr<JobLengthFound> LengthOf(const std::vector<Step>& steps, const Past& past, bool by_jobs,
                                        const std::string& name, const PastOptions& options) {
  if (options.service_s) {
    return JobLengthFound{*options.service_s, "as given"};
  }
  if (!by_jobs) {
    double work_s = 0;
    for (const Step& step : steps) {
      work_s += step.busy * step.length_s;
    }
    return JobLengthFound{std::max(kGuessedJobSeconds, work_s / kMostGuessedJobs),
                          "assumed, because CPU does not tell; --service-time sets it"};
  }
  if (const auto counted = CountedLength(steps)) {
    return *counted;
  }
  if (const auto bound = LengthAtMost(steps, past.learned_s())) {
    return *bound;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(name,
                   ": nothing recorded tells how long a job takes: the queue counts neither arrivals nor "
                   "completions, and hardly any job was seen to end; give --service-time SECONDS"));
}

// Not known, or known of too little of the time.
absl::Status CheckKnown(const Past& past, const std::vector<Step>& steps, bool by_jobs,
                        const std::string& name) {
  const auto& points = past.points();
  const double all_s = points.empty() ? 0 : absl::ToDoubleSeconds(points.back().at - points.front().at);
  if (all_s < kShortestPast) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: only %.0f s of its past are kept; a comparison needs at least a minute", name, all_s));
  }
  if (!by_jobs && std::none_of(points.begin(), points.end(), [](const auto& p) { return p.usage; })) {
    return absl::FailedPreconditionError(
        absl::StrCat(name,
                     ": nothing recorded tells its load: that takes the length of a queue or the CPU of "
                     "its replicas as a signal"));
  }
  double known_s = 0;
  for (const Step& step : steps) {
    known_s += step.hole ? 0 : step.length_s;
  }
  if (known_s < kLeastKnown * all_s) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: its load is known for %.0f %% of the time only%s", name, 100 * known_s / all_s,
        by_jobs ? "; a queue that does not say how many jobs are in hand tells it only while jobs wait"
                : ""));
  }
  return absl::OkStatus();
}

// Jobs of each second. What a step lacks (more jobs gone than work explains) is taken from the next ones.
class Arrivals {
 public:
  explicit Arrivals(double seconds) : counts_(static_cast<size_t>(std::ceil(seconds))) {}

  void Add(double at_s, double length_s, double jobs) {
    owed_ += jobs;
    const double given = std::max(0.0, owed_);
    owed_ -= given;
    const double end_s = at_s + length_s;
    for (double from = at_s; from < end_s;) {
      const auto second = std::min(static_cast<size_t>(from), counts_.size() - 1);
      const double to = std::min(end_s, std::floor(from) + 1);
      counts_[second] += given * (to - from) / length_s;
      from = to;
    }
  }

  void AddAtOnce(double at_s, double jobs) { counts_[static_cast<size_t>(at_s)] += jobs; }

  // Whole jobs, rounded on their running sum.
  std::vector<int64_t> Whole() const {
    std::vector<int64_t> whole;
    double sum = 0;
    int64_t given = 0;
    for (const double count : counts_) {
      sum += count;
      whole.push_back(std::llround(sum) - given);
      given += whole.back();
    }
    return whole;
  }

 private:
  std::vector<double> counts_;
  double owed_ = 0;
};

Trace TraceOf(const std::vector<Step>& steps, const Past& past, double job_s, const std::string& name) {
  const auto& points = past.points();
  Arrivals arrivals(absl::ToDoubleSeconds(points.back().at - points.front().at));
  for (const Step& step : steps) {
    arrivals.Add(step.at_s, step.length_s,
                 step.arrivals.value_or(step.busy * step.length_s / job_s + step.grew));
  }
  const auto first =
      std::find_if(points.begin(), points.end(), [](const auto& p) { return p.jobs.has_value(); });
  if (first != points.end() && !steps.empty()) {
    arrivals.AddAtOnce(steps.front().at_s, *first->jobs);
  }
  return {.name = name, .bin_s = 1, .counts = arrivals.Whole()};
}

std::vector<int64_t> DesiredBySecond(const std::vector<PastPoint>& points, size_t seconds) {
  std::vector<int64_t> desired(seconds, points.front().desired);
  size_t next = 0;
  for (size_t second = 0; second < seconds; ++second) {
    const absl::Time now = points.front().at + absl::Seconds(static_cast<int64_t>(second));
    while (next < points.size() && points[next].at <= now) {
      ++next;
    }
    desired[second] = points[next == 0 ? 0 : next - 1].desired;
  }
  return desired;
}

double PromiseOf(const AutoscaleSpec& live, double job_s, const PastOptions& options) {
  if (options.slo_wait_s) {
    return *options.slo_wait_s;
  }
  for (const SignalSpec& signal : live.signals) {
    if (signal.max_wait) {
      return absl::ToDoubleSeconds(*signal.max_wait);
    }
  }
  return std::clamp(job_s, 1.0, 30.0);
}

void NoteStartups(const Past& past, PastLoad& load) {
  std::vector<double> startups_s = past.startups_s();
  if (startups_s.empty()) {
    load.assumptions.emplace_back("no start was recorded: how long one takes is --startup's");
    return;
  }
  load.startup_low_s = Quantile(startups_s, 0.05);
  load.startup_high_s = Quantile(startups_s, 0.95);
  load.assumptions.push_back(absl::StrFormat("a start takes %.3g s to %.3g s, as %d recorded ones did",
                                             *load.startup_low_s, *load.startup_high_s, startups_s.size()));
}

void NoteAssumptions(const std::vector<Step>& steps, const JobLengthFound& length, bool by_jobs,
                     PastLoad& load) {
  std::vector<std::string>& notes = load.assumptions;
  notes.emplace_back(
      "the load is what came while the recorded replicas ran; callers who gave up or tried again because of "
      "them are in it as they were");
  notes.push_back(absl::StrFormat("a job takes %.3g s (%s) and a whole replica; later than %.3g s is late",
                                  length.seconds, length.how, load.params.slo_wait_s));
  if (!by_jobs) {
    notes.push_back(absl::StrFormat(
        "work is replicas × CPU; a replica that is never idle uses %.0f %% of its reservation",
        load.busy_usage * 100));
  } else if (load.busy_usage != 1) {
    notes.push_back(
        absl::StrFormat("a busy replica uses %.0f %% of its CPU reservation", load.busy_usage * 100));
  }
  double hole_s = 0;
  bool means = false;
  for (const Step& step : steps) {
    hole_s += step.hole ? step.length_s : 0;
    means |= step.mean;
  }
  if (hole_s > 0) {
    notes.push_back(absl::StrFormat(
        "for %.0f s the load is not known and taken as the mean of before and after", hole_s));
  }
  if (means) {
    notes.emplace_back("older times are kept as means of 10 s: shorter bursts are lost there");
  }
}

}  // namespace

absl::StatusOr<PastLoad> LoadOf(const Past& past, const std::string& name, const AutoscaleSpec& live,
                                const PastOptions& options) {
  const auto& points = past.points();
  PastLoad load;
  load.busy_usage = LargestUsage(points);
  Reading reading(past, load.busy_usage);
  const std::vector<Step> steps = reading.Steps();
  RETURN_IF_ERROR(CheckKnown(past, steps, reading.by_jobs(), name));
  if (reading.by_jobs()) {
    load.busy_usage = UsageWithJobs(points, reading);
  }
  ASSIGN_OR_RETURN(const JobLengthFound length, LengthOf(steps, past, reading.by_jobs(), name, options));
  load.trace = TraceOf(steps, past, length.seconds, name);
  load.params = {
      .service_s = length.seconds, .thin = 1, .slo_wait_s = PromiseOf(live, length.seconds, options)};
  load.from = points.front().at;
  load.desired = DesiredBySecond(points, load.trace.counts.size());
  load.ready = std::llround(points.front().ready);
  double jobs = 0;
  for (const auto& [queue, sum] : past.jobs_by_queue()) {
    jobs += sum;
  }
  for (const auto& [queue, sum] : past.jobs_by_queue()) {
    load.queue_shares[queue] = jobs > 0 ? sum / jobs : 1;
  }
  NoteAssumptions(steps, length, reading.by_jobs(), load);
  NoteStartups(past, load);
  return load;
}

}  // namespace drover::simulate
