#include "controller/core/edge_load.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/core/drain.h"
#include "controller/core/signals.h"

namespace drover::controller {
namespace {

constexpr Duration kTimesWindow = absl::Seconds(10);  // the agents'

// One set on one edge.
struct Part {
  const EdgeSetStatus* status = nullptr;  // absent: nothing of it counts
  const EdgeReadings* readings = nullptr;
  std::string missing;  // why something or all of it is not known
};

// A set is known by its handle as long as the edge has taken it over from this controller; handles of
// another one may mean another service (R1.2).
bool IsTakenOver(const Model& model, const EdgeSetStatus& status) {
  return status.applied_epoch == model.epoch && status.queued.has_value();
}

// The rows at least are about our replicas, whatever the handle meant.
bool IsAbout(const Service& service, const EdgeSetStatus& status) {
  return std::all_of(status.servers.begin(), status.servers.end(),
                     [&](const EdgeServer& server) { return service.replicas.contains(server.replica); });
}

// A draining replica whose load the edge could not read is left out of its rows.
bool HasEveryDraining(const BackendSet& set, const EdgeSetStatus& status) {
  return std::all_of(set.backends.begin(), set.backends.end(), [&](const Backend& backend) {
    return !backend.drain || std::any_of(status.servers.begin(), status.servers.end(),
                                         [&](const EdgeServer& s) { return s.replica == backend.replica; });
  });
}

Part PartOf(const Model& model, const Service& service, const BackendSet& set, const Node& edge,
            Duration fresh_for) {
  const std::string name = model.NodeName(edge.record.id);
  const auto status = edge.edge_sets.find(set.handle);
  const auto readings = edge.edge_readings.find(set.handle);
  if (edge.edge && !edge.edge->reachable) {
    return {.missing = absl::StrCat("the balancer of ", name, " does not answer",
                                    edge.edge->error.empty() ? "" : ": ", edge.edge->error)};
  }
  if (status == edge.edge_sets.end() || readings == edge.edge_readings.end()) {
    return {.missing = absl::StrCat("not measured yet by ", name)};
  }
  Part part{.status = &status->second, .readings = &readings->second, .missing = ""};
  const Duration age = model.now - part.readings->measured;
  if (age > fresh_for) {
    part.status = nullptr;
    part.missing = absl::StrCat("last measured ", AgeText(age), " ago by ", name);
  } else if (!IsTakenOver(model, *part.status)) {
    part.missing = part.status->error.empty() ? absl::StrCat("not measured yet by ", name)
                                              : absl::StrCat(name, ": ", part.status->error);
    part.status = IsAbout(service, *part.status) ? part.status : nullptr;
  } else if (part.status->at_least || !HasEveryDraining(set, *part.status)) {
    part.missing = absl::StrCat("requests of before a reload could not be read by ", name);
  }
  return part;
}

void NoteMissing(const std::string& missing, EdgeSum& sum) {
  if (sum.missing.empty()) {
    sum.missing = missing;
  }
}

void AddInFlight(const Part& part, EdgeLoad& load) {
  if (!part.missing.empty()) {
    NoteMissing(part.missing, load.in_flight);
  }
  if (part.status == nullptr) {
    NoteMissing(part.missing, load.waiting);
    return;
  }
  int64_t with_replicas = 0;
  for (const EdgeServer& server : part.status->servers) {
    with_replicas += server.in_flight;
  }
  if (!part.status->queued) {
    NoteMissing(part.missing, load.waiting);
  }
  const int64_t waiting = part.status->queued.value_or(0) + part.status->held.value_or(0);
  load.in_flight.value += static_cast<double>(with_replicas + waiting);
  load.waiting.value += static_cast<double>(waiting);
}

void AddCounts(const Model& model, const Part& part, const std::string& name, EdgeLoad& load) {
  const bool ours = part.status != nullptr && IsTakenOver(model, *part.status);
  const std::optional<double> rate = ours ? part.readings->counts.Rate() : std::nullopt;
  if (rate) {
    load.rate.value += *rate;
  } else {
    NoteMissing(
        part.missing.empty() ? absl::StrCat("not counted for long enough yet by ", name) : part.missing,
        load.rate);
  }
  const std::optional<double> arrived = ours ? part.readings->counts.Arrived() : std::nullopt;
  if (!arrived || !load.arrived) {
    load.arrived.reset();
    load.finished.reset();
    return;
  }
  *load.arrived += *arrived;
  *load.finished += *part.readings->counts.Finished();
}

// So long the times of requests are sampled, and so much a sample of them stands for where there are more
// requests than lines.
double SampleWeight(const RequestTimes& times, const std::optional<double>& rate) {
  const double requests = rate.value_or(0) * absl::ToDoubleSeconds(kTimesWindow);
  return std::max(1.0, requests / std::max(1.0, static_cast<double>(times.answered.samples())));
}

void AddTimes(const Model& model, const BackendSet& set, const Part& part, const std::string& name,
              EdgeLoad& load) {
  if (part.status == nullptr || !IsTakenOver(model, *part.status)) {
    return;
  }
  if (const std::optional<RequestTimes>& times = part.status->times) {
    const double weight = SampleWeight(*times, part.readings->counts.Rate());
    load.times.answered.Merge(times->answered, weight);
    load.times.replica.Merge(times->replica, weight);
    load.times.dropped += times->dropped;
  } else if (set.http && !set.attach.empty()) {
    load.untold = absl::StrCat("the attached balancer ", set.attach, " of ", name,
                               " writes no log lines of its requests");
  }
}

}  // namespace

EdgeLoad LoadOf(const Model& model, const Service& service, Duration fresh_for) {
  EdgeLoad load;
  load.arrived = load.finished = load.slots = 0;
  bool any = false;
  for (const NodeId& id : model.edges) {
    const Node& edge = model.nodes.at(id);
    const std::string name = model.NodeName(id);
    for (const BackendSet& set : service.sets) {
      if (!ServesAny(set.listeners, name)) {
        continue;
      }
      any = true;
      load.slots = load.slots && set.maxconn > 0 ? std::optional(*load.slots + set.maxconn) : std::nullopt;
      const Part part = PartOf(model, service, set, edge, fresh_for);
      AddInFlight(part, load);
      AddCounts(model, part, name, load);
      AddTimes(model, set, part, name, load);
      const Duration age =
          part.readings == nullptr ? absl::ZeroDuration() : model.now - part.readings->measured;
      load.age = std::max(load.age, age);
      if (part.status != nullptr) {
        const Instant stale = StaleAt(model.now, age, fresh_for);
        load.stale_at = std::min(load.stale_at.value_or(stale), stale);
      }
    }
  }
  if (!any) {
    const std::string missing =
        model.edges.empty() ? "no node has a load balancer" : "no load balancer routes to this service";
    load.in_flight.missing = load.waiting.missing = load.rate.missing = missing;
    load.arrived.reset();
    load.finished.reset();
    load.slots.reset();
  }
  return load;
}

}  // namespace drover::controller
