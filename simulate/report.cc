#include "simulate/report.h"

#include "nlohmann/json.hpp"

namespace drover::simulate {
namespace {

std::string TimeText(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

nlohmann::ordered_json ToObject(const Replayed& replayed) {
  nlohmann::ordered_json object = {
      {"from", TimeText(replayed.from)}, {"to", TimeText(replayed.to)},
      {"decisions", replayed.decisions}, {"equal", replayed.equal},
      {"first_other", nullptr},          {"gaps", nlohmann::ordered_json::array()},
      {"changes", replayed.changes},     {"replica_hours", replayed.replica_hours},
  };
  if (const auto& other = replayed.first_other) {
    object["first_other"] = {
        {"id", other->id}, {"at", TimeText(other->at)}, {"then", nullptr}, {"again", other->again}};
    if (other->then) {
      object["first_other"]["then"] = *other->then;
    }
  }
  for (const absl::Time gap : replayed.gaps) {
    object["gaps"].push_back(TimeText(gap));
  }
  return object;
}

nlohmann::ordered_json ToObject(const Result& result) {
  const Figures& f = result.figures;
  nlohmann::ordered_json object = {
      {"trace", result.trace},
      {"policy", result.policy},
      {"target", nullptr},
      {"seed", result.seed},
      {"late_percent", f.late_percent},
      {"wait_p50_s", f.wait_p50_s},
      {"wait_p95_s", f.wait_p95_s},
      {"wait_p99_s", f.wait_p99_s},
      {"wait_max_s", f.wait_max_s},
      {"replica_hours", f.replica_hours},
      {"work_bound_hours", f.work_bound_hours},
      {"cost_over_work_bound", f.replica_hours / f.work_bound_hours},
      {"rate_oracle_hours", result.rate_oracle_hours},
      {"actions_per_hour", f.actions_per_hour},
      {"launches_per_hour", f.launches_per_hour},
      {"theta_u", f.theta_u},
      {"theta_o", f.theta_o},
      {"tau_u", f.tau_u},
      {"tau_o", f.tau_o},
      {"instability", f.instability},
      {"clairvoyant_hours", result.clairvoyant_hours},
      {"worst_hour_late_percent", f.worst_hour_late_percent},
      {"settled_late_percent", f.settled_late_percent},
      {"restarts_per_hour", f.restarts_per_hour},
      {"cpu_per_decision_us", f.cpu_per_decision_us},
  };
  if (result.target) {
    object["target"] = *result.target;
  }
  if (result.replayed) {
    object["replayed"] = ToObject(*result.replayed);
  }
  return object;
}

}  // namespace

std::string ToJson(const std::string& trace, const std::string& policy, const Replayed& replayed) {
  const nlohmann::ordered_json object = {
      {"trace", trace}, {"policy", policy}, {"replayed", ToObject(replayed)}};
  return nlohmann::ordered_json::array({object}).dump(2) + "\n";
}

std::string ToJson(const std::vector<Result>& results, const std::vector<std::string>& assumptions) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    all.push_back(ToObject(result));
    if (!assumptions.empty()) {
      all.back()["assumptions"] = assumptions;
    }
  }
  return all.dump(2) + "\n";
}

}  // namespace drover::simulate
