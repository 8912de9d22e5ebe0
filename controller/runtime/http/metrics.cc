#include "controller/runtime/http/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "common/replica_state.h"

namespace drover::controller {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr Duration kLook = absl::Milliseconds(100);  // stopping waits for at most this

using Labels = std::vector<ClientMetric::Label>;

// One family in the making.
class Family {
 public:
  Family(const char* name, const char* help, MetricType type = MetricType::Gauge) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }

  void Add(Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family_.metric.push_back(std::move(metric));
  }

  MetricFamily Take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

MetricFamily Single(const char* name, const char* help, double value, MetricType type = MetricType::Gauge) {
  Family family(name, help, type);
  family.Add({}, value);
  return family.Take();
}

Labels With(const ServiceKey& key, const char* name = nullptr, std::string value = {}) {
  Labels labels = {{"stack", key.stack}, {"service", key.service}};
  if (name != nullptr) {
    labels.push_back({name, std::move(value)});
  }
  return labels;
}

struct StateCounts {
  int64_t running = 0, ready = 0, starting = 0, pending = 0, draining = 0, failed = 0;
};

StateCounts CountStates(const ServiceView& service) {
  StateCounts counts;
  for (const ReplicaView& replica : service.replicas) {
    const ReplicaState state = replica.state;
    counts.ready += state == ReplicaState::kReady ? 1 : 0;
    counts.running += state == ReplicaState::kReady || state == ReplicaState::kRunning ? 1 : 0;
    counts.starting += IsStarting(state) ? 1 : 0;
    counts.pending += state == ReplicaState::kPending ? 1 : 0;
    counts.draining += state == ReplicaState::kDraining || state == ReplicaState::kStopping ? 1 : 0;
    counts.failed += state == ReplicaState::kFailed ? 1 : 0;
  }
  return counts;
}

void AddServices(const View& view, std::vector<MetricFamily>& out) {
  Family desired("drover_service_desired_replicas", "Replicas that are wanted.");
  Family running("drover_service_running_replicas", "Replicas whose process runs, ready ones included.");
  Family ready("drover_service_ready_replicas", "Replicas that may receive work.");
  Family starting("drover_service_starting_replicas", "Replicas on their way to running.");
  Family pending("drover_service_pending_replicas", "Replicas for which no node has room.");
  Family draining("drover_service_draining_replicas", "Replicas on their way out.");
  Family failed("drover_service_failed_replicas", "Replicas that are not started again by themselves.");
  Family min("drover_service_min_replicas", "Lower bound of the autoscaler.");
  Family max("drover_service_max_replicas", "Upper bound of the autoscaler.");
  Family paused("drover_service_paused", "1 while the autoscaler is paused.");
  Family converged("drover_service_converged", "1 when everything is as it is wanted.");
  for (const auto& [key, service] : view.services) {
    const StateCounts counts = CountStates(*service);
    const auto add = [&key = key](Family& family, int64_t value) {
      family.Add(With(key), static_cast<double>(value));
    };
    add(desired, service->record.desired);
    add(running, counts.running);
    add(ready, counts.ready);
    add(starting, counts.starting);
    add(pending, counts.pending);
    add(draining, counts.draining);
    add(failed, counts.failed);
    if (service->spec.autoscale) {
      add(min, service->spec.autoscale->min);
      add(max, service->spec.autoscale->max);
      add(paused, service->record.paused ? 1 : 0);
    }
    add(converged, service->converged ? 1 : 0);
  }
  for (Family* family : {&desired, &running, &ready, &starting, &pending, &draining, &failed, &min, &max,
                         &paused, &converged}) {
    out.push_back(family->Take());
  }
}

// Not a histogram of Prometheus' kind: balancers tell of a sample of the last 10 s, which never adds up.
void AddRequests(const View& view, std::vector<MetricFamily>& out) {
  Family duration(
      "drover_service_request_duration_seconds",
      "What requests took in the last 10 s, wait in the balancer included; absent while too few are known.");
  Family replica("drover_service_request_replica_duration_seconds",
                 "The same without the wait in the balancer.");
  Family samples("drover_service_request_samples", "Requests of the last 10 s that these are known of.");
  for (const auto& [key, service] : view.services) {
    const RequestTimes& times = service->times;
    if (times.answered.samples() == 0) {
      continue;
    }
    for (const auto& [name, quantile] :
         {std::pair("0.5", 0.5), std::pair("0.95", 0.95), std::pair("0.99", 0.99)}) {
      if (const std::optional<Duration> took = times.answered.Quantile(quantile)) {
        duration.Add(With(key, "quantile", name), absl::ToDoubleSeconds(*took));
      }
      if (const std::optional<Duration> took = times.replica.Quantile(quantile)) {
        replica.Add(With(key, "quantile", name), absl::ToDoubleSeconds(*took));
      }
    }
    samples.Add(With(key), static_cast<double>(times.answered.samples()));
  }
  for (Family* family : {&duration, &replica, &samples}) {
    out.push_back(family->Take());
  }
}

void AddSignals(const View& view, std::vector<MetricFamily>& out) {
  Family known("drover_signal_known", "1 when the signal has a fresh value.");
  Family value("drover_signal_value", "Last measured value; absent while unknown.");
  Family target("drover_signal_target", "Target of the policy: percent, or per replica.");
  Family age("drover_signal_age_seconds", "Age of the oldest sample in the value.");
  for (const auto& [key, service] : view.services) {
    if (service->decision == nullptr) {
      continue;
    }
    for (const SignalDecision& signal : service->decision->signals) {
      const Labels labels = With(key, "signal", signal.name);
      known.Add(labels, signal.value ? 1 : 0);
      target.Add(labels, signal.target);
      if (signal.value) {
        value.Add(labels, *signal.value);
        age.Add(labels, absl::ToDoubleSeconds(signal.age));
      }
    }
  }
  for (Family* family : {&known, &value, &target, &age}) {
    out.push_back(family->Take());
  }
}

void AddConsumers(const View& view, std::vector<MetricFamily>& out) {
  Family behind("drover_consumer_behind", "1 while a consumer has not confirmed the newest backends.");
  Family confirmed("drover_consumer_confirmed_timestamp_seconds",
                   "When a consumer last confirmed backends; absent: not since the controller's start.");
  for (const auto& [key, service] : view.services) {
    for (const auto& [name, pull] : service->pulls) {
      const Labels labels = With(key, "consumer", name);
      behind.Add(labels, pull.since && pull.revision >= service->record.backend_revision ? 0 : 1);
      if (pull.since) {
        confirmed.Add(labels, absl::ToDoubleSeconds(pull.wall - absl::UnixEpoch()));
      }
    }
  }
  out.push_back(behind.Take());
  out.push_back(confirmed.Take());
}

// What the balancers of the nodes count. Their counters begin anew with each process of theirs.
void AddEdges(const View& view, std::vector<MetricFamily>& out) {
  Family up("drover_edge_up", "1 while the node's balancer answers.");
  Family reloads("drover_edge_reloads_total", "Reloads of the balancer since its agent started.",
                 MetricType::Counter);
  Family requests("drover_edge_requests_total", "Requests, or connections of plain TCP, that have come.",
                  MetricType::Counter);
  Family errors("drover_edge_errors_total", "Of them failed: HTTP 5xx; plain TCP: no connection, or broken.",
                MetricType::Counter);
  Family in_flight("drover_edge_in_flight", "Requests or connections that are with replicas.");
  Family queued("drover_edge_queued", "Requests that wait for a replica below its maxconn.");
  Family held("drover_edge_held", "Requests that wait for a first replica.");
  Family closed("drover_edge_closed_total",
                "Connections closed at their drain limit since the agent started.", MetricType::Counter);
  std::map<uint32_t, const BackendSet*> sets;
  for (const auto& [key, service] : view.services) {
    for (const BackendSet& set : service->sets) {
      sets.emplace(set.handle, &set);
    }
  }
  for (const auto& [id, node] : view.nodes) {
    if (!node->edge) {
      continue;
    }
    up.Add({{"node", node->record.name}}, node->edge->reachable ? 1 : 0);
    reloads.Add({{"node", node->record.name}}, static_cast<double>(node->edge->reloads));
    for (const EdgeSetStatus& status : node->edge->sets) {
      const auto set = sets.find(status.set);
      if (set == sets.end()) {
        continue;
      }
      Labels labels = With(set->second->service, "node", node->record.name);
      labels.push_back({"port", std::to_string(set->second->target)});
      const auto add = [&labels](Family& family, const auto& value) {
        if (value) {
          family.Add(labels, static_cast<double>(*value));
        }
      };
      add(requests, status.requests_total);
      add(errors, status.errors_total);
      add(queued, status.queued);
      add(held, status.held);
      int64_t work = 0;
      for (const EdgeServer& server : status.servers) {
        work += server.in_flight;
      }
      in_flight.Add(labels, static_cast<double>(work));
      closed.Add(labels, static_cast<double>(status.closed_total));
    }
  }
  for (Family* family : {&up, &reloads, &requests, &errors, &in_flight, &queued, &held, &closed}) {
    out.push_back(family->Take());
  }
}

const char* NameOf(NodeAvailability availability) {
  switch (availability) {
    case NodeAvailability::kActive:
      return "active";
    case NodeAvailability::kCordoned:
      return "cordoned";
    case NodeAvailability::kDraining:
      return "draining";
    case NodeAvailability::kMaintenance:
      return "maintenance";
  }
  return "";
}

void AddNodes(const View& view, std::vector<MetricFamily>& out) {
  std::map<NodeStatus, int64_t> counts;
  int64_t orphans = 0;
  for (const auto& [id, node] : view.nodes) {
    ++counts[node->status];
    orphans += static_cast<int64_t>(node->orphans.size());
  }
  Family nodes("drover_nodes", "Nodes by status.");
  for (const auto& [status, name] :
       std::initializer_list<std::pair<NodeStatus, const char*>>{{NodeStatus::kUp, "up"},
                                                                 {NodeStatus::kSuspect, "suspect"},
                                                                 {NodeStatus::kLost, "lost"},
                                                                 {NodeStatus::kNeverSeen, "never_seen"}}) {
    nodes.Add({{"status", name}}, static_cast<double>(counts[status]));
  }
  out.push_back(nodes.Take());
  Family availability("drover_node_availability", "1 for what an operator has said of the node.");
  for (const auto& [id, node] : view.nodes) {
    availability.Add({{"node", node->record.name}, {"availability", NameOf(node->record.availability)}}, 1);
  }
  out.push_back(availability.Take());
  out.push_back(
      Single("drover_orphans", "Containers of Drover's that no record names.", static_cast<double>(orphans)));
}

void AddLoop(const Loop::Stats& loop, std::vector<MetricFamily>& out) {
  out.push_back(Single("drover_loop_events_total", "Events that the core has taken in.",
                       static_cast<double>(loop.events), MetricType::Counter));
  out.push_back(Single("drover_loop_step_seconds_total", "Time spent deciding.", loop.step_seconds,
                       MetricType::Counter));
  out.push_back(Single("drover_loop_queue_length", "Events waiting for the core.",
                       static_cast<double>(loop.queue_length)));
  MetricFamily latency;
  latency.name = "drover_store_commit_seconds";
  latency.help = "Time until a change was durable; the count is that of the commits.";
  latency.type = MetricType::Summary;
  ClientMetric metric;
  metric.summary.sample_count = loop.commits;
  metric.summary.sample_sum = loop.commit_seconds;
  latency.metric.push_back(std::move(metric));
  out.push_back(std::move(latency));
  out.push_back(Single("drover_store_commit_failures_total", "Commits that the store refused.",
                       static_cast<double>(loop.commit_failures), MetricType::Counter));
}

void AddHistory(const HistoryLog::Stats& history, std::vector<MetricFamily>& out) {
  const auto counter = [&out](const char* name, const char* help, uint64_t value) {
    out.push_back(Single(name, help, static_cast<double>(value), MetricType::Counter));
  };
  counter("drover_history_records_total", "Records written to the history.", history.records);
  counter("drover_history_dropped_total", "Records that the history could not keep.", history.dropped);
  counter("drover_history_write_failures_total", "Writes that the history's disk refused.", history.failures);
  counter("drover_history_damaged_bytes_total", "Bytes of the history that could not be read.",
          history.damaged);
  out.push_back(
      Single("drover_history_bytes", "Size of the history on disk.", static_cast<double>(history.bytes)));
}

}  // namespace

DecisionCounter::DecisionCounter(const LoopClient* loop) : loop_(loop) {
  thread_ = std::thread([this] { Run(); });
}

DecisionCounter::~DecisionCounter() {
  stopping_ = true;
  thread_.join();
}

DecisionCounter::Counts DecisionCounter::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void DecisionCounter::Run() {
  std::shared_ptr<const View> view;
  while (!stopping_) {
    auto next = loop_->WaitView(view.get(), kLook);
    if (next != view) {
      view = std::move(next);
      Count(*view);
    }
  }
}

void DecisionCounter::Count(const View& view) {
  for (auto it = seen_.begin(); it != seen_.end();) {
    it = view.services.count(it->first) > 0 ? std::next(it) : seen_.erase(it);
  }
  for (const auto& [key, service] : view.services) {
    const Decision* decision = service->decision.get();
    if (decision == nullptr) {
      continue;
    }
    Seen& seen = seen_[key];
    if (seen.id == decision->id) {
      continue;
    }
    const bool same_reason = seen.reason == decision->reason;
    seen = {.id = decision->id, .reason = decision->reason};
    if (decision->desired == decision->current && same_reason) {
      continue;
    }
    const char* direction = decision->desired > decision->current   ? "up"
                            : decision->desired < decision->current ? "down"
                                                                    : "none";
    const std::lock_guard lock(mutex_);
    ++counts_[{direction, decision->reason}];
  }
}

std::string MetricsText(const MetricsInput& input) {
  std::vector<MetricFamily> families;
  Family build("drover_build_info", "Always 1; the version as a label.");
  build.Add({{"version", DROVER_VERSION}}, 1);
  families.push_back(build.Take());
  families.push_back(
      Single("drover_controller_ready", "1 while the controller decides.", input.view->ready ? 1 : 0));
  families.push_back(Single("drover_controller_epoch", "Epoch of this controller.",
                            static_cast<double>(input.view->epoch.value())));
  families.push_back(Single("drover_frozen",
                            "1 while nothing is scaled, replaced or rolled out, by an operator.",
                            input.view->whole.frozen ? 1 : 0));
  AddServices(*input.view, families);
  AddRequests(*input.view, families);
  AddSignals(*input.view, families);
  AddConsumers(*input.view, families);
  AddNodes(*input.view, families);
  AddEdges(*input.view, families);
  Family decisions("drover_decisions_total",
                   "Decisions that changed a count (up, down) or gave a new reason not to (none).",
                   MetricType::Counter);
  for (const auto& [key, count] : input.decisions) {
    decisions.Add({{"direction", key.first}, {"reason", key.second}}, static_cast<double>(count));
  }
  families.push_back(decisions.Take());
  AddLoop(input.loop, families);
  if (input.history) {
    AddHistory(*input.history, families);
  }
  families.push_back(
      Single("drover_http_event_streams", "Open event streams.", static_cast<double>(input.event_streams)));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace drover::controller
