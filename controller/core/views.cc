#include "controller/core/views.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/core/availability.h"
#include "controller/core/drain.h"
#include "controller/core/edge_load.h"
#include "controller/core/evidence.h"
#include "controller/core/rollout.h"
#include "controller/core/signals.h"

namespace drover::controller {
namespace {

constexpr Duration kSampleInterval = absl::Seconds(1);

// Rows of tens of thousands of replicas and nodes are made anew less often, so that showing them costs
// the deciding thread a percent of its time: one or two microseconds each.
constexpr Duration kPerRow = absl::Microseconds(10);
constexpr Duration kPerSampleRow = absl::Microseconds(250);

ReplicaView MakeReplica(const Service& service, const Replica& replica) {
  ReplicaView view;
  view.record = replica.record;
  view.state = replica.state;
  view.since = replica.since;
  view.name = Model::ContainerName(replica);
  view.reason = replica.record.reason.empty() ? replica.detail.reason : replica.record.reason;
  view.message = replica.state == ReplicaState::kPending ? replica.waiting : replica.detail.message;
  view.sample = replica.sample;
  view.detail = replica.detail;
  view.current = Model::IsCurrent(service, replica);
  return view;
}

// Every balancer that lives has taken over what the service routes to, or said why it can't.
bool EdgesFollow(const Model& model, const Service& service) {
  for (const NodeId& id : model.edges) {
    const Node& edge = model.nodes.at(id);
    if (!edge.up() || (edge.edge && !edge.edge->reachable)) {
      continue;
    }
    for (const BackendSet& set : service.sets) {
      const auto status = edge.edge_sets.find(set.handle);
      const bool told = status != edge.edge_sets.end();
      const bool follows = told && status->second.applied_epoch == set.epoch &&
                           status->second.applied_revision >= set.revision;
      if (ServesAny(set.listeners, model.NodeName(id)) && !follows &&
          !(told && !status->second.error.empty())) {
        return false;
      }
    }
  }
  return true;
}

bool Converged(const Model& model, const Service& service, const ServiceView& view, const Census& census) {
  if (service.retired || !service.spec) {
    return false;
  }
  if (service.spec->task) {
    return service.record.task_revision_done == view.stack_revision;
  }
  return census.active == service.record.desired && census.current_ready == census.active &&
         census.leaving == 0 && census.failed == 0 && EdgesFollow(model, service);
}

void AddPulls(const Service& service, ServiceView& view) {
  for (const std::string& consumer : ConsumersOf(*service.spec)) {
    PullView& pull = view.pulls[consumer];
    if (const auto state = service.pulls.find(consumer); state != service.pulls.end()) {
      pull = {state->second.revision, state->second.at, state->second.wall};
    }
  }
  if (!view.pulls.empty()) {
    view.sets = service.sets;
    view.sets_known = service.sets_known;
  }
}

// What load balancers say of each replica.
std::map<ReplicaId, EdgeServer> TrafficOf(const Model& model, const Service& service) {
  std::map<ReplicaId, EdgeServer> traffic;
  const auto add = [](std::optional<uint64_t>& sum, const std::optional<uint64_t>& more) {
    if (more) {
      sum = sum.value_or(0) + *more;
    }
  };
  for (const NodeId& edge : model.edges) {
    const Node& node = model.nodes.at(edge);
    for (const BackendSet& set : service.sets) {
      const auto status = node.edge_sets.find(set.handle);
      if (!node.up() || status == node.edge_sets.end()) {
        continue;
      }
      for (const EdgeServer& server : status->second.servers) {
        EdgeServer& sum = traffic[server.replica];
        sum.replica = server.replica;
        sum.in_flight += server.in_flight;
        sum.up = sum.up || server.up;
        add(sum.requests_total, server.requests_total);
        add(sum.errors_total, server.errors_total);
      }
    }
  }
  return traffic;
}

std::shared_ptr<const ServiceView> MakeService(const Model& model, const Service& service) {
  auto view = std::make_shared<ServiceView>();
  view->key = service.key;
  view->record = service.record;
  view->record.failures = RecentFailures(service.record, model.wall);
  if (service.spec) {
    view->spec = *service.spec;
    view->reservation_assumed = !service.spec->reserved_cpu || !service.spec->reserved_memory;
    view->reserved = model.ReservationOf(service);
  }
  if (auto stack = model.stacks.find(service.key.stack); stack != model.stacks.end()) {
    view->stack_revision = stack->second.record.revision;
  }
  std::vector<const Replica*> replicas;
  for (const ReplicaId id : service.replicas) {
    replicas.push_back(&model.replicas.at(id));
  }
  std::sort(replicas.begin(), replicas.end(), [](const Replica* a, const Replica* b) {
    return std::pair(a->record.number, a->record.id) < std::pair(b->record.number, b->record.id);
  });
  const std::map<ReplicaId, EdgeServer> traffic = TrafficOf(model, service);
  view->replicas.reserve(replicas.size());
  for (const Replica* replica : replicas) {
    view->replicas.push_back(MakeReplica(service, *replica));
    if (const auto seen = traffic.find(replica->record.id); seen != traffic.end()) {
      view->replicas.back().traffic = seen->second;
    }
  }
  if (service.spec) {
    AddPulls(service, *view);
  }
  if (!service.sets.empty()) {
    view->times = LoadOf(model, service, FreshFor(model.options.report_interval)).times;
  }
  view->decision = service.decision;
  view->last_change = service.last_change;
  view->blocked = service.blocked;
  view->handles = service.handles;
  view->converged = Converged(model, service, *view, Count(model, service));
  view->status = StatusLine(*view, service.retired);
  return view;
}

std::shared_ptr<const NodeView> MakeNode(const Model& model, const Node& node) {
  auto view = std::make_shared<NodeView>();
  view->record = node.record;
  view->status = node.status;
  if (node.heard) {
    view->last_report = node.last_word;
  }
  view->reserved = node.reserved;
  view->host = node.host;
  view->stuck = node.stuck;
  view->orphans = node.orphans;
  view->replicas = static_cast<int64_t>(node.replicas.size());
  view->version = node.version;
  view->engine = node.engine;
  view->metrics_address = node.metrics_address;
  view->edge = node.edge;
  view->moves = MovesLeft(model, node);
  return view;
}

std::shared_ptr<const StackView> MakeStack(const Stack& stack) {
  auto view = std::make_shared<StackView>();
  view->name = stack.record.name;
  view->revision = stack.record.revision;
  view->removing = stack.record.removing;
  view->applied_at = stack.record.applied_at;
  view->source = stack.record.spec.source;
  return view;
}

// Replaces or removes the entry of `key`.
template <typename Map, typename Source, typename Key, typename Make>
void Renew(Map& views, const Source& source, const Key& key, Make make) {
  auto it = source.find(key);
  if (it == source.end()) {
    views.erase(key);
  } else {
    views[key] = make(it->second);
  }
}

std::string NotReady(const Model& model) {
  if (!model.deposed.empty()) {
    return model.deposed;
  }
  return model.store_writable ? "" : absl::StrCat("the store cannot be written: ", model.store_error);
}

}  // namespace

std::string StatusLine(const ServiceView& view, bool retired) {
  int64_t ready = 0;
  std::map<ReplicaState, int64_t> others;
  for (const ReplicaView& replica : view.replicas) {
    if (replica.state == ReplicaState::kReady) {
      ++ready;
    } else {
      ++others[replica.state];
    }
  }
  std::vector<std::string> parts;
  if (!view.spec.task) {
    parts.push_back(absl::StrCat(ready, "/", view.record.desired, " ready"));
  }
  for (const auto& [state, count] : others) {
    parts.push_back(absl::StrCat(count, " ", ToString(state)));
  }
  if (retired) {
    parts.push_back("being removed");
  }
  if (view.record.paused) {
    parts.push_back(view.record.pause_down_only ? "scale-down paused" : "paused");
  }
  if (view.record.held) {
    parts.push_back("held by hand");
  }
  std::string line = absl::StrJoin(parts, ", ");
  if (!view.blocked.empty()) {
    absl::StrAppend(&line, line.empty() ? "" : "; ", view.blocked.front());
  }
  return line;
}

int64_t Views::RowsOf(const std::set<ServiceKey>& services, const std::set<NodeId>& nodes) const {
  auto rows = static_cast<int64_t>(nodes.size());
  for (const ServiceKey& key : services) {
    auto service = model_.services.find(key);
    rows += service == model_.services.end() ? 0 : static_cast<int64_t>(service->second.replicas.size());
  }
  return rows;
}

std::shared_ptr<const View> Views::Take(bool at_once) {
  const bool hard = model_.stale_status || !model_.stale_services.empty() || !model_.stale_nodes.empty() ||
                    !model_.stale_stacks.empty();
  const bool soft = !model_.stale_services_soft.empty() || !model_.stale_nodes_soft.empty();
  const bool soft_due = soft && model_.now >= samples_due_;
  if (!hard && !soft) {
    return nullptr;
  }
  const TimerKey timer{TimerKey::Kind::kView, "", ""};
  if (published_ && !(hard && at_once)) {
    const Instant due =
        hard ? *published_ + std::max(model_.options.view_interval, rows_ * kPerRow) : samples_due_;
    if (model_.now < due) {
      model_.WakeAt(timer, due);
      return nullptr;
    }
  }
  auto view = std::make_shared<View>(*last_);
  view->now = model_.now;
  view->wall = model_.wall;
  view->cluster = model_.cluster;
  view->epoch = model_.epoch;
  view->whole = model_.whole;
  view->not_ready_reason = NotReady(model_);
  view->ready = view->not_ready_reason.empty();
  std::set<ServiceKey> services = std::exchange(model_.stale_services, {});
  std::set<NodeId> nodes = std::exchange(model_.stale_nodes, {});
  if (soft_due || !published_) {
    services.merge(std::exchange(model_.stale_services_soft, {}));
    nodes.merge(std::exchange(model_.stale_nodes_soft, {}));
    samples_due_ = model_.now + std::max(kSampleInterval, RowsOf(services, nodes) * kPerSampleRow);
  }
  rows_ = RowsOf(services, nodes);
  for (const ServiceKey& key : services) {
    if (Service* service = model_.FindService(key)) {
      service->shown_soft = false;
    }
    Renew(view->services, model_.services, key, [this](const Service& s) { return MakeService(model_, s); });
  }
  for (const NodeId& id : nodes) {
    if (Node* node = model_.FindNode(id)) {
      node->shown_soft = false;
    }
    Renew(view->nodes, model_.nodes, id, [this](const Node& n) { return MakeNode(model_, n); });
  }
  for (const std::string& name : std::exchange(model_.stale_stacks, {})) {
    Renew(view->stacks, model_.stacks, name, MakeStack);
  }
  model_.stale_status = false;
  published_ = model_.now;
  if (!model_.stale_services_soft.empty() || !model_.stale_nodes_soft.empty()) {
    model_.WakeAt(timer, samples_due_);
  }
  last_ = view;
  return view;
}

}  // namespace drover::controller
