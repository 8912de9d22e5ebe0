// A controller core with a store, and agents made of a few lines each, under virtual time: what
// scenario scripts and property tests drive. The agents obey assignments to the letter (R1.3, R1.5),
// but their replicas change state only when told to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/core/core.h"
#include "controller/core/request_counts.h"

namespace drover::controller {

// The records of a store, applied batch by batch.
class FakeStore {
 public:
  explicit FakeStore(ClusterId cluster) { state_.cluster = cluster; }

  void Apply(const std::vector<StoreChange>& changes);

  StoredState State() const;

  const std::map<ReplicaId, ReplicaRecord>& replicas() const { return replicas_; }

  const std::map<ServiceKey, ServiceRecord>& services() const { return services_; }

 private:
  StoredState state_;
  std::map<std::string, StackRecord> stacks_;
  std::map<ServiceKey, ServiceRecord> services_;
  std::map<ReplicaId, ReplicaRecord> replicas_;
  std::map<NodeId, NodeRecord> nodes_;
};

struct FakeReplica {
  RunReplica run;
  ReplicaState state = ReplicaState::kStarting;
  std::optional<int64_t> cpu_milli;
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> busy;
  std::optional<int64_t> backlog;
  ReplicaDetail detail;
};

struct FakeAgent {
  NodeId id;
  std::string name;
  std::string address;
  bool speaks = true;  // false: silent, and nothing reaches it
  bool connected = false;
  StreamId stream;
  ClusterId cluster;
  Epoch highest_epoch;
  Epoch epoch;
  Revision revision;
  Resources capacity{MilliCpu(4000), Bytes(8LL << 30)};
  std::vector<std::pair<std::string, std::string>> labels;
  uint32_t port_first = 20000;
  uint32_t port_last = 20099;
  bool edge = false;
  bool edge_applies = true;  // false: the balancer is stuck on its former sets
  bool auto_start = false;   // replicas become ready, and removed ones are gone, by the next report
  std::map<ReplicaId, FakeReplica> replicas;  // containers that exist
  std::map<ReplicaId, RemoveReplica> remove;
  std::set<ReplicaId> run;      // ids in the list
  std::set<ReplicaId> unknown;  // containers that no list names
  std::vector<Probe> probes;
  std::vector<BackendSet> sets;
  std::map<ReplicaId, int64_t> in_flight;
  std::optional<int64_t> queued = 0;      // in the balancer's own queue, by set; absent: not read
  int64_t waiting = 0;                    // for a first replica, of each set that keeps them
  std::optional<RequestTimes> times;      // of requests lately, the same for each set
  RequestTotals requests;                 // of the balancer process, the same for each set
  uint64_t balancer = 1;                  // process
  std::optional<EdgeStatus> edge_status;  // reported in place of all that
  int64_t mass_refusals = 0;              // R1.4: assignments refused
  std::map<std::string, double> depth;    // by the queue's probe text
  std::map<std::string, double> held;     // jobs in hand; absent: the source does not say
  std::vector<FoundReplica> foreign;      // containers with a drover label from elsewhere
};

class CoreCluster {
 public:
  explicit CoreCluster(CoreOptions options = {});

  // A new controller process on the records of the store (or an empty one), one epoch later. Streams
  // are gone; agents come back with Connect.
  void Restart(bool empty_store = false);

  FakeAgent& AddAgent(const std::string& name);

  FakeAgent& agent(const std::string& name) { return agents_.at(name); }

  std::map<std::string, FakeAgent>& agents() { return agents_; }

  void Connect(FakeAgent& agent);
  void Disconnect(FakeAgent& agent);
  void Report(FakeAgent& agent);

  void Step(const Event& event) { core_->Step(event); }

  // Takes a Ready, persists it, then delivers its orders. Returned for printing.
  Ready Take();

  // Lets time pass in steps of at most 100 ms; agents that speak report every second. `each` sees
  // every Ready that is not empty.
  void Pass(Duration duration, const std::function<void(const Ready&)>& each);

  // From now on Take() hands what is for the history to `record`.
  void RecordTo(std::function<void(const Ready&)> record) { record_ = std::move(record); }

  const FakeStore& store() const { return store_; }

  Epoch epoch() const { return epoch_; }

  Instant now() const { return now_; }

  absl::Time wall() const { return wall_; }

  std::shared_ptr<const View> view() const { return view_; }

 private:
  void Deliver(const Order& order);
  void Obey(FakeAgent& agent, const Assignment& assignment);

  CoreOptions options_;
  FakeStore store_;
  std::unique_ptr<Core> core_;
  Epoch epoch_;
  uint64_t streams_ = 0;
  Instant now_ = Instant::FromNanoseconds(1'000'000'000'000);
  absl::Time wall_ = absl::FromUnixSeconds(1'700'000'000);
  std::map<std::string, FakeAgent> agents_;
  std::map<NodeId, std::string> names_;
  std::shared_ptr<const View> view_;
  std::function<void(const Ready&)> record_;
};

}  // namespace drover::controller
