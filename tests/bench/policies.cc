// drover-policies: one trace, seed and start-up setting under every baseline with a sweep of its main
// parameter, and under drover with its one setting. Prints what `drover simulate -o json` prints.
//
//   drover-policies TRACE PARAMS LOW:HIGH SEED [all|drover|disturbed]
//
// disturbed: drover and the peers' defaults with a job length that doubles, a spike, and failing starts;
// the disturbance stands before the policy's name. policies.py runs it over everything.
#include <charconv>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "simulate/experiment.h"
#include "simulate/report.h"
#include "tests/bench/literature/policies.h"

namespace drover::bench {
namespace {

using simulate::PolicyChoice;
using simulate::PolicyContext;
using simulate::Setting;

struct Sweep {
  const char* name;
  std::vector<double> targets;
};

void AddBuiltIn(std::vector<PolicyChoice>& all) {
  const std::vector<Sweep> sweeps = {
      {"hpa", {30, 40, 50, 60, 70, 80, 90}},
      {"keda", {0.5, 0.7, 0.85, 1, 1.5, 2}},
      {"kpa", {30, 40, 50, 60, 70, 80, 90}},
      {"target-tracking", {30, 50, 70, 85}},
      {"step", {30, 50, 70, 85}},
      {"window", {5, 10, 20, 40, 60, 120, 300}},
  };
  for (const Sweep& sweep : sweeps) {
    for (const double target : sweep.targets) {
      PolicyChoice choice;
      choice.name = sweep.name;
      choice.target = target;
      all.push_back(choice);
      if (sweep.name == std::string("hpa") || sweep.name == std::string("keda") ||
          sweep.name == std::string("kpa")) {
        choice.seeded = true;
        choice.label = absl::StrCat(sweep.name, " seeded");
        all.push_back(choice);
      }
    }
  }
  for (const char* name : {"rate-oracle", "clairvoyant"}) {
    all.emplace_back().name = name;
  }
}

void AddLiterature(std::vector<PolicyChoice>& all) {
  using Make = std::unique_ptr<simulate::Policy> (*)(int64_t, double);
  const std::vector<std::tuple<const char*, Make, std::vector<double>>> sweeps = {
      {"react", MakeReact, {1, 1.2, 1.5, 2, 3}},     {"hist", MakeHist, {50, 75, 90, 95, 100}},
      {"reg", MakeReg, {1.05, 1.2, 1.5, 2, 3}},      {"adapt", MakeAdapt, {1.1, 1.3, 1.6, 2, 3}},
      {"conpaas", MakeConPaaS, {1, 1.2, 1.5, 2, 3}}, {"autoscale--", MakeAutoScale, {10, 30, 60, 120, 300}},
  };
  for (const auto& [name, make, targets] : sweeps) {
    for (const double target : targets) {
      PolicyChoice choice;
      choice.name = name;
      choice.target = target;
      choice.make = [make = make, target](const PolicyContext& context) {
        return make(context.demand->window_s, target);
      };
      all.push_back(choice);
    }
  }
}

std::vector<PolicyChoice> Choices(const std::string& what) {
  std::vector<PolicyChoice> all(1);
  all[0].name = "drover";
  if (what == "all") {
    all.clear();
    AddBuiltIn(all);
    AddLiterature(all);
  }
  return all;
}

struct Disturbance {
  std::string name;
  Setting setting;
};

std::vector<Disturbance> Disturbances(const Setting& plain) {
  std::vector<Disturbance> all = {{"doubled", plain}, {"spike", plain}, {"failing", plain}};
  all[0].setting.job_length_doubles = true;
  all[1].setting.spike = 10;
  all[2].setting.failing_starts = 0.1;
  return all;
}

absl::StatusOr<std::vector<simulate::Result>> Disturbed(simulate::Comparison comparison) {
  std::vector<simulate::Result> results;
  for (const Disturbance& disturbance : Disturbances(comparison.setting)) {
    comparison.setting = disturbance.setting;
    for (PolicyChoice& policy : comparison.policies) {
      policy.label = absl::StrCat(disturbance.name, " ", policy.name);
    }
    auto some = simulate::Compare(comparison);
    if (!some.ok()) {
      return some.status();
    }
    results.insert(results.end(), some->begin(), some->end());
  }
  return results;
}

int Fail(absl::string_view message) {
  std::cerr << "drover-policies: " << message << "\n";
  return 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4) {
    return Fail("write TRACE PARAMS LOW:HIGH SEED [all|drover|disturbed]");
  }
  const auto trace = simulate::ReadTrace(arguments[0]);
  const auto params = simulate::ReadParams(arguments[1]);
  if (!trace.ok() || !params.ok()) {
    return Fail((trace.ok() ? params.status() : trace.status()).message());
  }
  if (params->count(trace->name) == 0) {
    return Fail(absl::StrCat(arguments[1], " has no line for ", trace->name));
  }
  const std::vector<std::string> ends = absl::StrSplit(arguments[2], ':');
  simulate::Comparison comparison;
  uint64_t seed = 0;
  if (ends.size() != 2 || !absl::SimpleAtod(ends[0], &comparison.setting.startup_low_s) ||
      !absl::SimpleAtod(ends[1], &comparison.setting.startup_high_s) ||
      !absl::SimpleAtoi(arguments[3], &seed)) {
    return Fail("LOW:HIGH are seconds, SEED is a whole number");
  }
  const std::string what = arguments.size() > 4 ? arguments[4] : "all";
  comparison.inputs.push_back({.trace = *trace, .params = params->at(trace->name)});
  comparison.seeds = {seed};
  comparison.policies = Choices(what);
  const auto results = what == "disturbed" ? Disturbed(comparison) : simulate::Compare(comparison);
  if (!results.ok()) {
    return Fail(results.status().message());
  }
  std::cout << simulate::ToJson(*results);
  return 0;
}

}  // namespace
}  // namespace drover::bench

int main(int argc, char** argv) { return drover::bench::Main({argv + 1, argv + argc}); }
