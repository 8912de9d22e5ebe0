// Models for unit tests: a few lines make nodes, services and replicas in any state, so that the
// interesting field stands out.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/core/model.h"

namespace drover::controller {

class ModelBuilder {
 public:
  ModelBuilder() : model_(CoreOptions(), Stored(), Start()) {}

  Model& model() { return model_; }

  Node& AddNode(const std::string& name, int64_t cpu_milli = 4000) {
    const NodeId id(name);
    Node& node = model_.nodes[id];
    node.record.id = id;
    node.record.name = name;
    node.record.address = absl::StrCat("address-of-", name);
    node.record.capacity = {MilliCpu(cpu_milli), Bytes(8LL << 30)};
    node.record.port_first = 20000;
    node.record.port_last = 20009;
    node.status = NodeStatus::kUp;
    node.stream = StreamId(1);
    node.heard = true;
    node.last_word = model_.now;
    return node;
  }

  Service& AddService(const ServiceSpec& spec, int64_t desired = 1) {
    const ServiceKey key{"shop", spec.name};
    Stack& stack = model_.stacks["shop"];
    stack.record.name = "shop";
    stack.record.revision = 1;
    stack.record.spec.services.push_back(spec);
    Service& service = model_.services[key];
    service.key = service.record.key = key;
    service.stored = true;
    service.record.desired = desired;
    service.spec = std::make_shared<const ServiceSpec>(spec);
    return service;
  }

  Replica& AddReplica(Service& service, Node& node, ReplicaState state) {
    Replica& replica = model_.AddReplica(service, model_.FreeNumber(service));
    model_.Bind(replica, node, {});
    replica.reported = state;
    if (state == ReplicaState::kDraining) {
      model_.SetState(replica, ReplicaState::kReady);
    }
    model_.SetState(replica, state);
    return replica;
  }

  static ServiceSpec Spec(const std::string& name) {
    ServiceSpec spec;
    spec.name = name;
    spec.spec_hash = name + "-1";
    spec.image_id = name + ":1";
    spec.reserved_cpu = MilliCpu(500);
    spec.reserved_memory = Bytes(128LL << 20);
    return spec;
  }

 private:
  static StoredState Stored() {
    StoredState stored;
    stored.cluster = ClusterId("c1");
    return stored;
  }

  static CoreStart Start() {
    return {.now = Instant::FromNanoseconds(1'000'000'000'000),
            .wall = absl::FromUnixSeconds(1'700'000'000),
            .epoch = Epoch(3),
            .seed = 7};
  }

  Model model_;
};

}  // namespace drover::controller
