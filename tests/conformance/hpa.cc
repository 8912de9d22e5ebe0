// hpa_resource, hpa_metric and hpa_controller.
#include "controller/core/autoscale/hpa.h"

#include <algorithm>

#include "tests/conformance/families.h"
#include "tests/conformance/read.h"

namespace drover::conformance {

using controller::ReplicaGroup;

namespace {

void Compare(const MetricResult& got, const Value& expected, const char* usage_field, Verdict& verdict) {
  if (expected["error"].given() || !got.error.empty()) {
    const std::string want = expected["error"].MaybeText().value_or("no error");
    if (got.error != want) {
      verdict.Fail(absl::StrCat("error ", got.error.empty() ? "none" : got.error, ", expected ", want));
    }
    return;
  }
  verdict.Int("desired_replicas", got.replicas, expected["desired_replicas"]);
  verdict.Int("utilization_percent", got.utilization, expected["utilization_percent"]);
  verdict.Int(usage_field, got.usage, expected[usage_field]);
}

void Classify(const Value& input, const Value& expected, Verdict& verdict) {
  std::map<std::string, controller::SampleTime> samples;
  for (const Value& sample : input["samples"].MaybeList()) {
    samples[sample["replica"].Text()] = {
        .age = sample["age_s"].Seconds(),
        .window = sample["window_s"].MaybeSeconds().value_or(absl::ZeroDuration())};
  }
  const controller::GroupRule rule = ReadGroupRule(input, input["resource"].Text());
  std::map<ReplicaGroup, std::vector<std::string>> groups;
  for (const Value& replica : input["replicas"].MaybeList()) {
    const std::string name = replica["name"].Text();
    const auto sample = samples.find(name);
    groups[controller::GroupOf(ReadReplica(replica),
                               sample == samples.end() ? std::nullopt : std::optional(sample->second), rule)]
        .push_back(name);
  }
  verdict.Int("ready_count", static_cast<int64_t>(groups[ReplicaGroup::kReady].size()),
              expected["ready_count"]);
  verdict.Names("unready", groups[ReplicaGroup::kUnready], expected["unready"]);
  verdict.Names("missing", groups[ReplicaGroup::kMissing], expected["missing"]);
  verdict.Names("ignored", groups[ReplicaGroup::kIgnored], expected["ignored"]);
}

void Requests(const Value& input, const Value& expected, Verdict& verdict) {
  const std::string container = input["container"].MaybeText().value_or("");
  std::map<std::string, int64_t> got;
  std::string error;
  for (const Value& replica : input["replicas"].MaybeList()) {
    controller::RequestSpec spec = ReadRequests(replica);
    if (!input["pod_level_requests_enabled"].MaybeBool().value_or(false)) {
      spec.whole.reset();
    }
    const controller::Request request = controller::RequestOf(spec, container);
    if (request.fault != controller::RequestFault::kNone && error.empty()) {
      error = request.fault == controller::RequestFault::kMissing ? "missing_request" : "container_not_found";
    }
    got[replica["name"].Text()] = request.amount;
  }
  if (expected["error"].given() || !error.empty()) {
    verdict.Text("error", error, expected["error"]);
    if (!expected["error"].given()) {
      verdict.Fail(absl::StrCat("error ", error, ", expected none"));
    }
    return;
  }
  const auto want = expected["requests_milli"].Members();
  for (const auto& [name, amount] : want) {
    const auto it = got.find(name);
    verdict.Int(absl::StrCat("requests_milli.", name).c_str(),
                it == got.end() ? std::nullopt : std::optional(it->second), amount);
  }
  if (got.size() != want.size()) {
    verdict.Fail(absl::StrCat(got.size(), " requests, expected ", want.size()));
  }
}

void CompareCondition(const char* name, const std::optional<controller::HpaCondition>& got,
                      const Value& expected, Verdict& verdict) {
  // "A condition not listed was not set in that pass."
  if (!expected.given()) {
    if (got) {
      verdict.Fail(absl::StrCat(name, " ", got->reason, ", expected none"));
    }
    return;
  }
  verdict.Bool(absl::StrCat(name, ".status").c_str(), got ? std::optional(got->status) : std::nullopt,
               expected["status"]);
  verdict.Text(absl::StrCat(name, ".reason").c_str(), got ? got->reason : "", expected["reason"]);
}

std::string FailureReason(const Value& metric) {
  const std::string type = metric["type"].Text();
  if (type == "resource") {
    return metric["container"].given() ? "FailedGetContainerResourceMetric" : "FailedGetResourceMetric";
  }
  if (type != "metric") {
    return "InvalidMetricSourceType";
  }
  const std::string source = metric["source_kind"].Text();
  if (source == "replicas") {
    return "FailedGetPodsMetric";
  }
  return source.rfind("object", 0) == 0 ? "FailedGetObjectMetric" : "FailedGetExternalMetric";
}

MetricResult Measure(const Value& metric, const Value& input, int64_t current, int64_t observed) {
  MetricResult failed;
  failed.error = "metrics_unavailable";
  const std::string type = metric["type"].Text();
  if (metric["fetch_error"].MaybeBool().value_or(false) || (type != "resource" && type != "metric")) {
    return failed;
  }
  if (type == "resource") {
    return ResourceMetric(metric, input, current);
  }
  const std::string source = metric["source_kind"].Text();
  const bool average = source == "object_average" || source == "external_average";
  return SourceMetric(metric, input, average ? observed : current);
}

bool Injects(const Value& input, const std::string& what) {
  const auto list = input["inject"].MaybeList();
  return std::any_of(list.begin(), list.end(), [&](const Value& one) { return one.Text() == what; });
}

controller::HpaInput ReadPass(const Value& input) {
  controller::HpaInput pass;
  pass.now = Now();
  pass.min = input["min_replicas"].MaybeInt().value_or(1);
  pass.max = input["max_replicas"].Int();
  if (!Injects(input, "get_scale_error")) {
    pass.current = input["current_replicas"].Int();
  }
  pass.downscale_stabilization =
      input["downscale_stabilization_s"].MaybeSeconds().value_or(pass.downscale_stabilization);
  if (const Value behavior = input["behavior"]; behavior.given()) {
    pass.behavior = {
        .up = ReadRules(behavior["scale_up"], controller::HpaDefaultUp()),
        .down = ReadRules(behavior["scale_down"], controller::HpaDefaultDown(pass.downscale_stabilization))};
  }
  if (const Value legacy = input["legacy_scale_up_limit"]; legacy.given()) {
    pass.legacy_limit = {.factor = legacy["factor"].Number(), .least = legacy["minimum"].Int()};
  }
  return pass;
}

Verdict Reconcile(const Value& input, const Value& expected) {
  controller::HpaInput pass = ReadPass(input);
  controller::HpaHistory history{.seeded = input["recommendations"].given(),
                                 .recommendations = ReadRecommendations(input["recommendations"]),
                                 .changes = ReadEvents(input["scale_up_events"], input["scale_down_events"])};
  const int64_t current = input["current_replicas"].Int();
  const int64_t observed = input["status_replicas"].MaybeInt().value_or(current);
  std::optional<int64_t> utilization;
  bool first = true;
  for (const Value& metric : input["metrics"].MaybeList()) {
    const MetricResult measured = Measure(metric, input, current, observed);
    if (measured.error.empty()) {
      pass.metrics.push_back({.replicas = measured.replicas, .reason = ""});
    } else {
      pass.metrics.push_back({.replicas = std::nullopt, .reason = FailureReason(metric)});
    }
    if (metric["type"].Text() == "resource" && first) {
      utilization = measured.utilization;
      first = false;
    }
  }
  controller::HpaResult result = controller::HpaPass(pass, history);
  controller::HpaWritten(pass, !Injects(input, "update_scale_error"), result, history);
  const int64_t replicas = pass.current ? result.replicas : current;

  Verdict verdict;
  verdict.Int("replicas", replicas, expected["replicas"]);
  verdict.Text("action",
               replicas > current   ? "scale_up"
               : replicas < current ? "scale_down"
                                    : "none",
               expected["action"]);
  verdict.Bool("reconcile_error", result.error, expected["reconcile_error"]);
  verdict.Int("utilization_percent", utilization, expected["utilization_percent"]);
  if (const Value conditions = expected["conditions"]; conditions.given()) {
    CompareCondition("able_to_scale", result.able_to_scale, conditions["able_to_scale"], verdict);
    CompareCondition("scaling_active", result.scaling_active, conditions["scaling_active"], verdict);
    CompareCondition("scaling_limited", result.scaling_limited, conditions["scaling_limited"], verdict);
  }
  return verdict;
}

}  // namespace

Verdict RunHpaResource(const Value& test) {
  Verdict verdict;
  const Value input = test["input"];
  const std::string kind = test["kind"].Text();
  if (kind == "replicas") {
    Compare(ResourceMetric(input, input, input["current_replicas"].Int()), test["expected"],
            "average_usage_milli", verdict);
  } else if (kind == "classify") {
    Classify(input, test["expected"], verdict);
  } else if (kind == "requests") {
    Requests(input, test["expected"], verdict);
  } else {
    test["kind"].Refuse(absl::StrCat("\"", kind, "\" is unknown; write replicas, classify or requests"));
  }
  return verdict;
}

Verdict RunHpaMetric(const Value& test) {
  Verdict verdict;
  const Value input = test["input"];
  if (test["kind"].Text() != "replicas") {
    test["kind"].Refuse(absl::StrCat("\"", test["kind"].Text(), "\" is unknown; write replicas"));
  }
  Compare(SourceMetric(input, input, input["current_replicas"].Int()), test["expected"], "usage_milli",
          verdict);
  return verdict;
}

Verdict RunHpaController(const Value& test) {
  if (test["kind"].Text() != "reconcile") {
    test["kind"].Refuse(absl::StrCat("\"", test["kind"].Text(), "\" is unknown; write reconcile"));
  }
  return Reconcile(test["input"], test["expected"]);
}

}  // namespace drover::conformance
