// Policies by name, as `drover simulate --policy` takes them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/core/spec.h"
#include "simulate/policies/engine.h"
#include "simulate/policy.h"
#include "simulate/staffing.h"

namespace drover::simulate {

inline constexpr char kClairvoyant[] = "clairvoyant";  // has no run: figures are computed

// What a policy may know of the surroundings. Only the oracles look at `demand`.
struct PolicyContext {
  int64_t initial = 1;
  int64_t min = 1;
  int64_t max = 2000;
  double slo_wait_s = 0;
  double job_s = 1;
  double startup_s = 0;
  int64_t ahead_s = 0;
  QueueTells tells = QueueTells::kCounters;
  const Demand* demand = nullptr;
  ServiceNature nature = {};
};

struct PolicyChoice {
  std::string name;              // one of Policies()
  std::optional<double> target;  // the policy's one main parameter; absent: its default
  std::string label;             // in results; empty: the name
  // hpa, keda and kpa remember the initial count as a recommendation, as they do when they start on a
  // running service; else they begin without memory, as in the protocol's table.
  bool seeded = false;
  std::optional<controller::AutoscaleSpec> spec;  // a service's own declaration, instead of a name
  // Makes a policy that is not one of Policies(), for benchmarks.
  std::function<std::unique_ptr<Policy>(const PolicyContext&)> make;
};

// The meaning of the target and its default, for people: "hpa  utilization in percent (70)".
struct PolicyInfo {
  std::string name;
  std::string target;
  std::optional<double> default_target;
};

const std::vector<PolicyInfo>& Policies();

// Absent: the policy has no target. `slo_wait_s`: the default of policies that promise a wait.
std::optional<double> DefaultTarget(const std::string& name, double slo_wait_s);

// InvalidArgument that names the policies there are.
absl::Status UnknownPolicy(const std::string& name);

// InvalidArgument for a name that there is not.
absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(const PolicyChoice& choice, const PolicyContext& context);

}  // namespace drover::simulate
