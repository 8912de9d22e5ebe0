#include "tests/conformance/read.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "controller/core/autoscale/saturating.h"

namespace drover::conformance {

using controller::RatePolicy;
using controller::Recommendation;
using controller::ReplicaGroup;
using controller::ReplicaPhase;
using controller::ReplicaStatus;
using controller::RequestFault;
using controller::ScaleChange;
using controller::ScalingRules;

namespace {

template <typename T>
T Word(const Value& value, const std::map<std::string, T>& words) {
  const auto it = words.find(value.Text());
  if (it == words.end()) {
    std::string known;
    for (const auto& [word, meaning] : words) {
      absl::StrAppend(&known, known.empty() ? "" : ", ", word);
    }
    value.Refuse(absl::StrCat("\"", value.Text(), "\" is unknown; write one of ", known));
  }
  return it->second;
}

std::vector<controller::ContainerAmount> Containers(const Value& list, bool only_restarting) {
  std::vector<controller::ContainerAmount> containers;
  for (const Value& one : list.MaybeList()) {
    if (!only_restarting || one["restart_always"].MaybeBool().value_or(false)) {
      containers.push_back({.name = one["name"].Text(), .amount = one["request_milli"].MaybeInt()});
    }
  }
  return containers;
}

struct Sample {
  controller::SampleTime time;
  std::optional<int64_t> usage;
};

std::map<std::string, Sample> Samples(const Value& list, const std::string& container) {
  std::map<std::string, Sample> samples;
  for (const Value& one : list.MaybeList()) {
    std::vector<controller::ContainerAmount> parts;
    if (const Value usage = one["usage_milli"]; usage.given()) {
      for (const auto& [name, value] : usage.Members()) {
        parts.push_back({.name = name, .amount = value.MaybeInt()});
      }
    }
    samples[one["replica"].Text()] = {
        .time = {.age = one["age_s"].MaybeSeconds().value_or(absl::ZeroDuration()),
                 .window = one["window_s"].MaybeSeconds().value_or(absl::ZeroDuration())},
        .usage = controller::UsageOf(parts, container)};
  }
  return samples;
}

std::string ErrorOf(RequestFault fault) {
  return fault == RequestFault::kMissing ? "missing_request" : "container_not_found";
}

// No replica counts: are there samples of others, or only of those that are not believed?
std::string WhyNothingCounts(const std::map<std::string, Sample>& samples, const Value& input) {
  for (const auto& [name, sample] : samples) {
    const auto replicas = input["replicas"].List();
    const bool listed = std::any_of(replicas.begin(), replicas.end(),
                                    [&](const Value& r) { return r["name"].Text() == name; });
    if (!listed) {
      return "no_matching_metrics";
    }
  }
  return "no_ready_metrics";
}

MetricResult PerReplicaSource(const Value& metric, const Value& input, int64_t current) {
  MetricResult result;
  const std::vector<Value> values = metric["values_milli"].MaybeList();
  const std::vector<Value> replicas = input["replicas"].MaybeList();
  if (values.empty() || replicas.empty()) {
    result.error = values.empty() ? "metrics_unavailable" : "no_replicas";
    return result;
  }
  std::vector<controller::UsageEntry> entries;
  for (const Value& replica : replicas) {
    // Element i belongs to replica r<i>, wherever it stands in the list.
    std::optional<int64_t> used;
    for (size_t i = 0; i < values.size(); ++i) {
      if (replica["name"].Text() == absl::StrCat("r", i)) {
        used = values[i].MaybeInt();
      }
    }
    const std::optional<controller::SampleTime> sample =
        used ? std::optional<controller::SampleTime>(controller::SampleTime()) : std::nullopt;
    entries.push_back(
        {.group = controller::GroupOf(ReadReplica(replica), sample, {}), .used = used.value_or(0)});
  }
  const auto count =
      controller::CountByUsage(entries, {.kind = controller::TwoPassRule::Target::kAverage,
                                         .target = static_cast<double>(metric["target_milli"].Int()),
                                         .tolerance = ReadTolerance(input),
                                         .current = current});
  if (!count) {
    result.error = "no_ready_metrics";
    return result;
  }
  result.replicas = count->count;
  result.usage = count->average;
  return result;
}

MetricResult Total(int64_t total, double target, const Value& input, int64_t current) {
  controller::SharedValueRule rule{.target = target, .tolerance = ReadTolerance(input), .current = current};
  const std::vector<Value> replicas = input["replicas"].MaybeList();
  for (const Value& replica : replicas) {
    const ReplicaStatus status = ReadReplica(replica);
    rule.ready += status.phase == ReplicaPhase::kRunning && status.ready.value_or(false) ? 1 : 0;
  }
  const controller::SharedValueCount count = controller::CountByTotal(static_cast<double>(total), rule);
  MetricResult result;
  if (replicas.empty() && current != 0 && !count.held) {
    result.error = "no_replicas";
    return result;
  }
  result.replicas = count.count;
  result.usage = total;
  return result;
}

MetricResult Average(int64_t total, double target, const Value& input, int64_t current) {
  MetricResult result;
  result.replicas =
      controller::CountByAverage(static_cast<double>(total),
                                 {.target = target, .tolerance = ReadTolerance(input), .current = current})
          .count;
  if (current != 0) {
    result.usage = controller::SaturatingFromDouble(
        std::ceil(static_cast<double>(total) / static_cast<double>(current)));
  }
  return result;
}

}  // namespace

ReplicaStatus ReadReplica(const Value& replica) {
  ReplicaStatus status;
  if (replica["phase"].given()) {
    status.phase = Word<ReplicaPhase>(replica["phase"], {{"pending", ReplicaPhase::kPending},
                                                         {"running", ReplicaPhase::kRunning},
                                                         {"succeeded", ReplicaPhase::kSucceeded},
                                                         {"failed", ReplicaPhase::kFailed}});
  }
  status.deleting = replica["deleting"].MaybeBool().value_or(false);
  status.ready = replica["ready"].MaybeBool();
  status.started_ago = replica["start_age_s"].MaybeSeconds();
  status.ready_changed = replica["ready_since_s"].MaybeSeconds();
  return status;
}

controller::RequestSpec ReadRequests(const Value& replica) {
  return {.containers = Containers(replica["containers"], /*only_restarting=*/false),
          .sidecars = Containers(replica["init_containers"], /*only_restarting=*/true),
          .whole = replica["pod_request_milli"].MaybeInt()};
}

controller::Tolerance ReadTolerance(const Value& input) {
  return {.up = input["tolerance_up"].MaybeNumber().value_or(0.1),
          .down = input["tolerance_down"].MaybeNumber().value_or(0.1)};
}

controller::GroupRule ReadGroupRule(const Value& input, const std::string& resource) {
  controller::GroupRule rule{.cpu = resource == "cpu"};
  rule.initialization = input["cpu_initialization_period_s"].MaybeSeconds().value_or(rule.initialization);
  rule.readiness_delay = input["initial_readiness_delay_s"].MaybeSeconds().value_or(rule.readiness_delay);
  return rule;
}

ScalingRules ReadRules(const Value& rules, ScalingRules defaults) {
  using Select = ScalingRules::Select;
  if (!rules.given()) {
    return defaults;
  }
  ScalingRules result = std::move(defaults);
  result.stabilization = rules["stabilization_window_s"].MaybeSeconds().value_or(result.stabilization);
  if (rules["select_policy"].given()) {
    result.select =
        Word<Select>(rules["select_policy"],
                     {{"max", Select::kMax}, {"min", Select::kMin}, {"disabled", Select::kDisabled}});
  }
  if (rules["policies"].given()) {
    result.policies.clear();
    for (const Value& policy : rules["policies"].List()) {
      result.policies.push_back(
          {.unit = Word<RatePolicy::Unit>(policy["type"], {{"pods", RatePolicy::Unit::kReplicas},
                                                           {"percent", RatePolicy::Unit::kPercent}}),
           .amount = policy["value"].Int(),
           .period = policy["period_s"].Seconds()});
    }
  }
  return result;
}

std::deque<Recommendation> ReadRecommendations(const Value& list) {
  std::deque<Recommendation> result;
  for (const Value& one : list.MaybeList()) {
    result.push_back({.at = Now() - one["age_s"].Seconds(), .value = one["value"].Int()});
  }
  return result;
}

std::deque<ScaleChange> ReadEvents(const Value& up, const Value& down) {
  std::deque<ScaleChange> result;
  for (const Value& one : up.MaybeList()) {
    result.push_back({.at = Now() - one["age_s"].Seconds(), .change = one["change"].Int()});
  }
  for (const Value& one : down.MaybeList()) {
    result.push_back(
        {.at = Now() - one["age_s"].Seconds(), .change = controller::SaturatingSub(0, one["change"].Int())});
  }
  return result;
}

MetricResult ResourceMetric(const Value& metric, const Value& input, int64_t current) {
  MetricResult result;
  const std::string container = metric["container"].MaybeText().value_or("");
  const std::map<std::string, Sample> samples = Samples(metric["samples"], container);
  const std::vector<Value> replicas = input["replicas"].MaybeList();
  if (samples.empty() || replicas.empty()) {
    result.error = samples.empty() ? "metrics_unavailable" : "no_replicas";
    return result;
  }
  const controller::GroupRule rule = ReadGroupRule(input, metric["resource"].MaybeText().value_or("cpu"));
  std::vector<controller::UsageEntry> entries;
  for (const Value& replica : replicas) {
    const auto sample = samples.find(replica["name"].Text());
    const bool measured = sample != samples.end() && sample->second.usage;
    const controller::Request request = controller::RequestOf(ReadRequests(replica), container);
    if (request.fault != RequestFault::kNone) {
      result.error = ErrorOf(request.fault);
      return result;
    }
    const std::optional<controller::SampleTime> time =
        measured ? std::optional(sample->second.time) : std::nullopt;
    entries.push_back({.group = controller::GroupOf(ReadReplica(replica), time, rule),
                       .used = measured ? *sample->second.usage : 0,
                       .request = request.amount});
  }
  const auto count = controller::CountByUsage(
      entries, {.kind = controller::TwoPassRule::Target::kUtilization,
                .target = static_cast<double>(metric["target_utilization_percent"].Int()),
                .tolerance = ReadTolerance(input),
                .current = current});
  if (!count) {
    result.error = WhyNothingCounts(samples, input);
    return result;
  }
  result.replicas = count->count;
  result.utilization = count->utilization;
  result.usage = count->average;
  return result;
}

MetricResult SourceMetric(const Value& metric, const Value& input, int64_t current) {
  enum class Source { kReplicas, kTotal, kAverage };
  const Source source = Word<Source>(metric["source_kind"], {{"replicas", Source::kReplicas},
                                                             {"object_value", Source::kTotal},
                                                             {"external_value", Source::kTotal},
                                                             {"object_average", Source::kAverage},
                                                             {"external_average", Source::kAverage}});
  if (source == Source::kReplicas) {
    return PerReplicaSource(metric, input, current);
  }
  std::vector<int64_t> series;
  for (const Value& value : metric["values_milli"].MaybeList()) {
    series.push_back(value.Int());
  }
  if (series.empty()) {
    MetricResult result;
    result.error = "metrics_unavailable";
    return result;
  }
  const int64_t total = controller::SumOfSeries(series);
  const auto target = static_cast<double>(metric["target_milli"].Int());
  return source == Source::kTotal ? Total(total, target, input, current)
                                  : Average(total, target, input, current);
}

}  // namespace drover::conformance
