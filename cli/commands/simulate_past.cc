// simulate --from: what a service's policy decided made again from the controller's history, and other
// policies on the load that it had.
#include <algorithm>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands/simulate.h"
#include "cli/history.h"
#include "common/status.h"
#include "controller/runtime/convert.h"
#include "simulate/past.h"
#include "simulate/policies/baseline.h"
#include "simulate/replayed.h"
#include "simulate/report.h"

namespace drover::cli {
namespace {

using controller::AutoscaleSpec;
using controller::SignalSpec;
using simulate::PolicyChoice;
using simulate::Replayed;
using simulate::Result;

constexpr char kRecorded[] = "recorded";
constexpr char kLive[] = "live";
constexpr size_t kGapsShown = 5;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

// Everything that is read of one service's history.
struct PastRead {
  std::string name;
  simulate::ReplayCount live;
  std::vector<simulate::Candidate> candidates;
  simulate::Past past;
  std::shared_ptr<const AutoscaleSpec> spec;  // the last that was live
  bool spec_changed = false;
  HistoryExtent extent;
};

void TakeSpec(std::shared_ptr<const AutoscaleSpec> spec, PastRead& read) {
  read.spec_changed |= read.spec != nullptr && read.spec != spec && *read.spec != *spec;
  read.spec = std::move(spec);
}

void TakeDecision(const PastDecision& decision, PastRead& read) {
  const controller::Evaluation& evaluation = decision.evaluation;
  if (decision.early) {
    for (simulate::Candidate& candidate : read.candidates) {
      candidate.Prepare(evaluation, decision.again);
    }
    return;
  }
  const controller::Decision* then = evaluation.decision.get();
  read.live.Take(decision.again, then, decision.equal, decision.gap);
  read.past.Add(evaluation, then == nullptr ? decision.again.desired : then->desired);
  for (simulate::Candidate& candidate : read.candidates) {
    candidate.Take(evaluation, decision.again, decision.gap);
  }
  TakeSpec(evaluation.spec, read);
}

void TakeMean(const v1::HistoryRecord& record, PastRead& read) {
  const v1::HistoryMean& mean = record.mean();
  if (mean.has_spec()) {
    TakeSpec(std::make_shared<const AutoscaleSpec>(controller::ToCore(mean.spec())), read);
  }
  if (read.spec == nullptr) {
    return;
  }
  std::vector<std::optional<simulate::PastMean>> signals;
  for (const v1::HistoryMeanSignal& signal : mean.signals()) {
    signals.push_back(signal.known() == 0
                          ? std::nullopt
                          : std::optional(simulate::PastMean{signal.total(), signal.reserved()}));
  }
  read.past.AddMean(
      {.at = absl::FromUnixNanos(record.wall_ns()), .desired = mean.desired(), .ready = mean.ready()},
      *read.spec, signals);
}

absl::Status ReadPast(const Session& session, const SimulateFlags& flags,
                      const std::vector<PolicyChoice>& policies, PastRead& read) {
  ASSIGN_OR_RETURN(const ServiceName service, FindService(session, flags.from));
  read.name = absl::StrCat(service.stack, "/", service.service);
  for (const PolicyChoice& policy : policies) {
    if (policy.spec) {
      read.candidates.emplace_back(policy.name, *policy.spec);
    }
  }
  const HistoryVisitor visitor{
      .decision = [&read](const PastDecision& decision) { TakeDecision(decision, read); },
      .mean = [&read](const v1::HistoryRecord& record) { TakeMean(record, read); }};
  ASSIGN_OR_RETURN(read.extent,
                   ReadHistory(session.client(), service.stack, service.service, flags.since, visitor));
  if (read.past.points().empty()) {
    return absl::NotFoundError(
        absl::StrCat("nothing was decided about ", read.name, " since ", flags.since, "; ",
                     read.extent.earliest == absl::InfiniteFuture()
                         ? "no history is kept yet"
                         : absl::StrCat("the history begins at ", TimeText(read.extent.earliest))));
  }
  return absl::OkStatus();
}

std::string GapsText(const std::vector<absl::Time>& gaps) {
  std::vector<std::string> times;
  for (size_t i = 0; i < std::min(gaps.size(), kGapsShown); ++i) {
    times.push_back(TimeText(gaps[i]));
  }
  return absl::StrCat(gaps.size(), gaps.size() == 1 ? " gap, before " : " gaps, before ",
                      absl::StrJoin(times, ", "), gaps.size() > kGapsShown ? ", …" : "");
}

// What became of the decisions that were live.
std::vector<std::string> LiveLines(const PastRead& read) {
  const Replayed& replayed = read.live.result();
  std::vector<std::string> lines;
  if (replayed.decisions > 0) {
    lines.push_back(absl::StrFormat("%s: %d decisions made again with the policy that was live, %s to %s",
                                    read.name, replayed.decisions, TimeText(replayed.from),
                                    TimeText(replayed.to)));
    if (const auto& other = replayed.first_other) {
      lines.push_back(absl::StrFormat(
          "%d equal the recorded ones in every byte, %d do not: made by another version, or damaged; the "
          "first is "
          "decision %d at %s%s, %d replicas again",
          replayed.equal, replayed.decisions - replayed.equal, other->id, TimeText(other->at),
          other->then ? absl::StrCat(", ", *other->then, " replicas then") : "", other->again));
    } else {
      lines.emplace_back("all equal the recorded ones in every byte");
    }
  }
  if (!replayed.gaps.empty()) {
    lines.push_back(GapsText(replayed.gaps));
  }
  if (replayed.decisions == 0 || read.past.points().front().mean) {
    lines.push_back(absl::StrCat(
        "only means of 10 s are kept of the time before ",
        read.extent.full_from == absl::InfiniteFuture() ? "now" : TimeText(read.extent.full_from)));
  }
  return lines;
}

// What another policy would have asked for on the same samples.
std::string CandidateLine(const simulate::Candidate& candidate, const Replayed& live) {
  const Replayed& replayed = candidate.result();
  const std::string& name = candidate.name();
  if (candidate.is_live()) {
    return absl::StrCat(name, " is the policy that was live");
  }
  if (!candidate.missing().empty()) {
    return absl::StrCat(name, " on the same samples: not known, ", absl::StrJoin(candidate.missing(), ", "),
                        " was not recorded");
  }
  std::string line = absl::StrFormat(
      "%s on the same samples: %d of %d decisions for as many replicas, %.1f replica hours asked for instead "
      "of "
      "%.1f, %d changes instead of %d",
      name, replayed.equal, replayed.decisions, replayed.replica_hours, live.replica_hours, replayed.changes,
      live.changes);
  if (const auto& other = replayed.first_other) {
    absl::StrAppendFormat(&line, "; first at %s, %d instead of %d", TimeText(other->at), other->again,
                          other->then.value_or(0));
  }
  return line;
}

int ShowReplay(const Session& session, const SimulateFlags& flags, const PastRead& read) {
  const Replayed& replayed = read.live.result();
  if (replayed.decisions == 0) {
    return session.Fail(absl::StrCat("no decision of ", read.name, " since ", flags.since,
                                     " can be made again: ", absl::StrJoin(LiveLines(read), "; ")));
  }
  if (flags.output == "html") {
    return session.Fail("-o html shows a comparison: give --policy too");
  }
  if (flags.output == "json") {
    session.out() << simulate::ToJson(read.name, kLive, replayed);
  } else {
    session.out() << absl::StrJoin(LiveLines(read), "\n") << "\n";
  }
  return replayed.equal == replayed.decisions ? kOk : kPlanHasChanges;
}

// As a policy can run in the model: what the load does not tell is left out, and a dry run acts.
absl::StatusOr<AutoscaleSpec> Runnable(AutoscaleSpec spec, const std::string& name) {
  std::erase_if(spec.signals,
                [](const SignalSpec& signal) { return signal.kind == SignalSpec::Kind::kMemory; });
  if (spec.signals.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " scales on memory alone, which does not follow from the load"));
  }
  spec.dry_run = false;
  return spec;
}

absl::Status MakeComparison(const SimulateFlags& flags, const PastRead& read,
                            const std::vector<PolicyChoice>& policies, simulate::PastLoad load,
                            simulate::Comparison& comparison) {
  simulate::Setting& setting = comparison.setting;
  setting.min = read.spec->min;
  setting.max = read.spec->max;
  setting.startup_low_s = load.startup_low_s.value_or(setting.startup_low_s);
  setting.startup_high_s = load.startup_high_s.value_or(setting.startup_high_s);
  setting.initial = load.ready;
  setting.utilization = {.mean_s = 1, .late_s = 1};  // as agents report
  setting.nature = {.busy_usage = load.busy_usage, .queue_shares = load.queue_shares, .begin = load.from};
  RETURN_IF_ERROR(ReadSetting(flags, setting));

  PolicyChoice recorded;
  recorded.name = kRecorded;
  recorded.spec.emplace();
  recorded.spec->min = 0;
  recorded.spec->max = *std::max_element(load.desired.begin(), load.desired.end());
  recorded.make = [counts = load.desired](const simulate::PolicyContext&) {
    return simulate::MakeRecorded(counts);
  };
  PolicyChoice live;
  live.name = kLive;
  ASSIGN_OR_RETURN(live.spec, Runnable(*read.spec, "the live policy"));
  comparison.policies = {std::move(recorded), std::move(live)};
  for (PolicyChoice policy : policies) {
    policy.seeded = true;
    if (policy.spec) {
      ASSIGN_OR_RETURN(policy.spec, Runnable(*std::move(policy.spec), policy.name));
    }
    comparison.policies.push_back(std::move(policy));
  }
  comparison.inputs.push_back({.trace = std::move(load.trace), .params = load.params});
  return absl::OkStatus();
}

absl::StatusOr<simulate::PastOptions> OptionsOf(const SimulateFlags& flags) {
  simulate::PastOptions options;
  if (!flags.service_time.empty()) {
    ASSIGN_OR_RETURN(options.service_s, ParseSeconds("--service-time", flags.service_time));
  }
  if (!flags.slo.empty()) {
    ASSIGN_OR_RETURN(options.slo_wait_s, ParseSeconds("--slo", flags.slo));
  }
  if (options.service_s.value_or(1) <= 0 || options.slo_wait_s.value_or(0) < 0) {
    return absl::InvalidArgumentError("--service-time must be more than 0, --slo at least 0");
  }
  return options;
}

void ShowComparison(const Session& session, const SimulateFlags& flags, const PastRead& read,
                    const std::vector<std::string>& assumptions, std::vector<Result> results) {
  std::vector<std::string> lines = LiveLines(read);
  for (const simulate::Candidate& candidate : read.candidates) {
    lines.push_back(CandidateLine(candidate, read.live.result()));
  }
  for (Result& result : results) {
    if (result.policy == kLive && read.live.result().decisions > 0) {
      result.replayed = read.live.result();
    }
    for (const simulate::Candidate& candidate : read.candidates) {
      if (candidate.name() == result.policy && candidate.missing().empty() &&
          candidate.result().decisions > 0) {
        result.replayed = candidate.result();
      }
    }
  }
  if (flags.output == "json") {
    session.out() << simulate::ToJson(results, assumptions);
    return;
  }
  if (flags.output == "html") {
    lines.insert(lines.end(), assumptions.begin(), assumptions.end());
    session.out() << simulate::ToHtml(results, lines);
    return;
  }
  session.out() << absl::StrJoin(lines, "\n") << "\n\n";
  PrintTable(session, results);
  session.out() << "\nrecorded: the counts that there were; live: the policy that was live, in the model\n";
  for (const std::string& assumption : assumptions) {
    session.out() << "- " << assumption << "\n";
  }
}

}  // namespace

int SimulatePast(const Session& session, const SimulateFlags& flags) {
  std::vector<PolicyChoice> policies;
  PastRead read;
  const absl::StatusOr<simulate::PastOptions> options = OptionsOf(flags);
  for (const absl::Status& status : {options.status(), ReadPolicies(session, flags, policies)}) {
    if (!status.ok()) {
      return session.Fail(status);
    }
  }
  if (const absl::Status status = ReadPast(session, flags, policies, read); !status.ok()) {
    return session.Fail(status);
  }
  if (policies.empty()) {
    return ShowReplay(session, flags, read);
  }
  absl::StatusOr<simulate::PastLoad> load = simulate::LoadOf(read.past, read.name, *read.spec, *options);
  if (!load.ok()) {
    return session.Fail(load.status());
  }
  std::vector<std::string> assumptions = load->assumptions;
  if (read.spec_changed) {
    assumptions.emplace_back("the live policy changed in that time: live is the last one all along");
  }
  simulate::Comparison comparison;
  if (const absl::Status status = MakeComparison(flags, read, policies, *std::move(load), comparison);
      !status.ok()) {
    return session.Fail(status);
  }
  absl::StatusOr<std::vector<Result>> results = RunComparison(session, flags, std::move(comparison));
  if (!results.ok()) {
    return session.Fail(results.status());
  }
  ShowComparison(session, flags, read, assumptions, *std::move(results));
  return kOk;
}

}  // namespace drover::cli
