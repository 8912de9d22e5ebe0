#include "tests/unit/cli/samples.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

template <typename Message>
Message Parse(const char* text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

}  // namespace

v1::ListServicesResponse SampleServices() {
  return Parse<v1::ListServicesResponse>(R"pb(
    services {
      stack: "shop"
      name: "web"
      image: "shop/web:1.4"
      autoscaled: true
      min: 2
      max: 40
      desired: 5
      ready: 2
      running: 2
      starting: 3
      status: "scaling 2 → 5"
      signals {
        name: "cpu"
        value: 142.4
        target: 60
        unit: "%"
        age { nanos: 400000000 }
      }
      ports { target: 8000 published: 8080 }
      reserved_cpu_milli: 500
      reserved_memory_bytes: 134217728
    }
    services {
      stack: "shop"
      name: "thumbnailer"
      autoscaled: true
      max: 200
      desired: 0
      status: "converged"
      converged: true
      signals {
        name: "queue thumbs"
        target: 10
        unit: "jobs per replica"
        unknown_reason: "redis does not answer"
      }
      paused: true
      reserved_cpu_milli: 1000
      reservation_assumed: true
    }
    services {
      stack: "shop"
      name: "db"
      desired: 1
      pending: 1
      pinned: true
      pinned_node: "host2"
      status: "pending: NodeOfItsDataIsAway"
    }
  )pb");
}

v1::ListStacksResponse SampleStacks() {
  v1::ListStacksResponse response;
  v1::Stack* stack = response.add_stacks();
  stack->set_name("shop");
  stack->set_revision(1);
  *stack->mutable_services() = SampleServices().services();
  stack = response.add_stacks();
  stack->set_name("old");
  stack->set_removing(true);
  return response;
}

v1::ListReplicasResponse SampleReplicas() {
  return Parse<v1::ListReplicasResponse>(R"pb(
    replicas {
      id: "00000000000000a2"
      name: "shop-web-2"
      stack: "shop"
      service: "web"
      number: 2
      node_name: "host2"
      state: STARTING
      state_age { seconds: 3 }
      restarts: 4
      reason: "CrashLoop"
      message: "exit code 1, again in 8 s"
    }
    replicas {
      id: "00000000000000a1"
      name: "shop-web-1"
      stack: "shop"
      service: "web"
      number: 1
      node_name: "host1"
      in_flight: 3
      requests_total: 1200
      errors_total: 2
      state: READY
      state_age { seconds: 7300 }
      cpu_milli: 712
      memory_kib: 65536
    }
    replicas {
      id: "00000000000000d1"
      stack: "shop"
      service: "db"
      number: 1
      state: PENDING
      state_age { seconds: 61 }
      reason: "NodeOfItsDataIsAway"
      message: "host2 was last heard 61 s ago"
    }
  )pb");
}

v1::WhyResponse SampleWhy() {
  v1::WhyResponse why = Parse<v1::WhyResponse>(R"pb(
    decision {
      id: 4
      stack: "shop"
      service: "web"
      current: 2
      desired: 5
      winner: "cpu"
      reason: "ScaleUp"
      summary: "cpu asks for 5 replicas"
      signals {
        name: "cpu"
        value: 142.4
        target: 60
        unit: "%"
        age { nanos: 400000000 }
        wish: 5
        formula: "ceil(2 × 142.4 / 60) = 5"
      }
      signals { name: "queue thumbs" target: 10 unknown_reason: "redis does not answer for 12 s" }
      clamps { name: "rate" before: 5 after: 4 detail: "at most 100 % in 15 s" }
      choices { replica_id: "00000000000000a3" action: "start" node: "host1" why: "most room" }
      conditions { type: "AbleToScale" status: "False" reason: "NoRoom" message: "no node has 0.5 CPU free" }
      conditions { type: "SignalFresh" status: "False" reason: "SignalUnknown" message: "queue thumbs" }
    }
    last_change {
      id: 3
      at { seconds: 1599999000 }
      current: 1
      desired: 2
      summary: "1 -> 2: DesiredWithinRange (cpu: ceil(1 × 90 / 60) = 2)"
      choices { replica_id: "00000000000000a2" action: "start" node: "host2" why: "most room" }
    }
    blocked: "no node has 0.5 CPU free: host1 0.2, host2 0.4"
    stuck { call: "docker start shop-web-2" since_ms: 12000 }
  )pb");
  *why.mutable_service() = SampleServices().services(0);
  *why.mutable_replicas() = SampleReplicas().replicas();
  *why.mutable_recent() = SampleEvents().events();
  return why;
}

v1::ListEventsResponse SampleEvents() {
  return Parse<v1::ListEventsResponse>(R"pb(
    events {
      id: 1
      at { seconds: 1600000000 }
      type: "decision"
      reason: "ScaleUp"
      message: "cpu asks for 5"
      stack: "shop"
      service: "web"
    }
    events {
      id: 2
      at { seconds: 1600000001 }
      type: "node"
      reason: "NodeLost"
      message: "host2 is silent"
      node_id: "n2"
      warning: true
    }
    events {
      id: 3
      at { seconds: 1600000002 }
      type: "stop"
      reason: "StoppedClean"
      message: "in 1.2 s"
      stack: "shop"
      service: "web"
    }
  )pb");
}

v1::NodeChangeResponse SampleMoves() {
  return Parse<v1::NodeChangeResponse>(R"pb(
    message: "host1 is draining: 1 replica moves, 1 replica stays"
    moves { replica_id: "a1" name: "shop-web-1" stack: "shop" service: "web" to_node: "host2" }
    moves { replica_id: "a3" name: "shop-db-1" stack: "shop" service: "db" why: "keeps its data there (pg)" }
    fits: true
  )pb");
}

v1::ListNodesResponse SampleNodes() {
  v1::ListNodesResponse nodes = Parse<v1::ListNodesResponse>(R"pb(
    nodes {
      id: "n1"
      name: "host1"
      status: UP
      last_report_age { nanos: 300000000 }
      address: "10.0.0.1"
      labels { key: "zone" value: "a" }
      labels { key: "disk" value: "ssd" }
      capacity { cpu_milli: 3800 memory_bytes: 8053063680 }
      reserved_cpu_milli: 1500
      reserved_memory_bytes: 402653184
      replicas: 3
      host { cpu_milli: 1250 cpu_count: 4 memory_total_bytes: 8589934592 memory_available_bytes: 6442450944 }
      edge { kind: "haproxy" version: "2.6.12" }
      agent_version: "0.1.0"
      engine { version: "20.10.24" api_version: "1.41" cgroup_version: 2 os: "Debian 12" }
      stuck { call: "docker start shop-web-2" since_ms: 12000 }
      availability: NODE_DRAINING
      availability_note: "eve: new disks"
      drain_deadline { seconds: 1700000000 }
    }
    nodes { id: "n2" name: "host2" status: NEVER_SEEN address: "10.0.0.2" availability: NODE_ACTIVE }
  )pb");
  *nodes.mutable_nodes(0)->mutable_moves() = SampleMoves().moves();
  *nodes.mutable_nodes(0)->add_replica_list() = SampleReplicas().replicas(1);
  return nodes;
}

v1::VersionInfo SampleVersion() {
  return Parse<v1::VersionInfo>(
      R"pb(version: "0.1.0"
           cluster_id: "c1"
           epoch: 3
           not_ready_reason: "the store is full"
           frozen: true
           frozen_note: "eve: the sale"
           frozen_until { seconds: 1700000000 })pb");
}

v1::ApplyStackResponse SampleApply() {
  return Parse<v1::ApplyStackResponse>(R"pb(
    revision: 3
    plan {
      listeners { address: "0.0.0.0:8080" service: "web" target: "web:8000" where: "edges" }
      changes { action: REPLACE service: "web" details: "image: shop/web:1.3 → shop/web:1.4" }
      changes { action: CREATE service: "redis" details: "image: redis:7" details: "1 replica" }
      changes { action: REMOVE service: "old" }
    }
  )pb");
}

}  // namespace drover::cli
