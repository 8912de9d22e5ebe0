#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/runtime/convert.h"
#include "drover/v1/agent.pb.h"
#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

StackSpec Core(const v1::StackSpec& spec) {
  auto core = ToCore(spec);
  EXPECT_TRUE(core.ok()) << core.status();
  return core.ok() ? *core : StackSpec();
}

ServiceSpec Web(const std::string& more_of_web, const std::string& more_of_stack = "") {
  StackSpec core = Core(Stack(more_of_web, more_of_stack));
  return core.services.empty() ? ServiceSpec() : core.services.back();
}

v1::ServiceContext ContextOf(const ServiceSpec& service) {
  v1::ServiceContext context;
  EXPECT_TRUE(context.ParseFromString(service.context));
  return context;
}

// The message of the refusal; empty when it was accepted.
std::string FaultOf(const v1::StackSpec& spec) {
  const auto core = ToCore(spec);
  return core.ok() ? "" : std::string(core.status().message());
}

TEST(ConvertSpecTest, R3_5_AbsentReservationIsTheLimit) {
  const ServiceSpec web = Web("container { limit_cpu_milli: 500 limit_memory_bytes: 64000000 }");
  EXPECT_EQ(web.reserved_cpu, MilliCpu(500));
  EXPECT_EQ(web.reserved_memory, Bytes(64000000));
  const ServiceSpec written = Web("reserved_cpu_milli: 100 container { limit_cpu_milli: 500 }");
  EXPECT_EQ(written.reserved_cpu, MilliCpu(100));
  EXPECT_EQ(Web("").reserved_cpu, std::nullopt);
}

TEST(ConvertSpecTest, PublishedPortsBecomeListenersAndRoutedPorts) {
  const ServiceSpec web = Web("ports { target: 80 published: 8080 http: true } ports { target: 9000 }");
  ASSERT_EQ(web.listeners.size(), 1U);
  EXPECT_EQ(web.listeners[0].port, 8080U);
  EXPECT_EQ(web.listeners[0].target, 80U);
  EXPECT_TRUE(web.listeners[0].http);
  EXPECT_THAT(web.routed_ports, ElementsAre(80, 9000));
  EXPECT_THAT(web.host_ports, IsEmpty());
}

TEST(ConvertSpecTest, R8_2_HostModeAndLoopbackBindOnTheNodeOfTheReplica) {
  const ServiceSpec web =
      Web("ports { target: 80 published: 8080 host_mode: true } "
          "ports { target: 81 published: 8081 host_ip: '127.0.0.1' } "
          "ports { target: 53 published: 53 protocol: PROTOCOL_UDP host_mode: true }");
  EXPECT_THAT(web.listeners, IsEmpty());
  EXPECT_THAT(web.routed_ports, IsEmpty());
  EXPECT_THAT(web.host_ports, ElementsAre(8080, 8081, 53));
  EXPECT_EQ(ContextOf(web).host_ports_size(), 3);
}

TEST(ConvertSpecTest, EdgeRouteRefinesThePublishedPort) {
  const ServiceSpec web =
      Web("ports { target: 80 published: 443 } edges { listen: 443 host: 'shop.example' path: '/api' "
          "maxconn: 16 }");
  ASSERT_EQ(web.listeners.size(), 1U);
  EXPECT_EQ(web.listeners[0].host, "shop.example");
  EXPECT_EQ(web.listeners[0].target, 80U);
  EXPECT_EQ(web.listeners[0].maxconn, 16U);
  EXPECT_TRUE(web.listeners[0].http);
}

TEST(ConvertSpecTest, AnHttpPortStaysHttpWhenARouteRefinesIt) {
  const std::string route = "edges { listen: 8080 maxconn: 4 }";
  EXPECT_TRUE(Web("ports { target: 80 published: 8080 http: true }" + route).listeners.at(0).http);
  EXPECT_FALSE(Web("ports { target: 80 published: 8080 }" + route).listeners.at(0).http);
}

TEST(ConvertSpecTest, WhatOneWaySaysHoldsForAllThatLeadToThePort) {
  const ServiceSpec web = Web(
      "ports { target: 80 published: 8080 http: true h2: true }"
      "edges { listen: 443 host: 'a.example' target: 80 sticky: 'cookie' slow_start { seconds: 30 } }"
      "edges { attach: 'own' target: 80 weight_label: 'power' }"
      "edges { listen: 444 host: 'b.example' target: 80 timeout { seconds: 300 } drain_tunnel { seconds: 5 "
      "} }");
  ASSERT_EQ(web.listeners.size(), 4U);
  for (const size_t of_port : {0, 1, 3}) {
    const TrafficSpec& traffic = web.listeners[of_port].traffic;
    EXPECT_TRUE(traffic.h2);
    EXPECT_EQ(traffic.sticky, TrafficSpec::Sticky::kCookie);
    EXPECT_EQ(traffic.slow_start, absl::Seconds(30));
    EXPECT_EQ(traffic.timeout, absl::Seconds(300));
    EXPECT_EQ(traffic.drain_tunnel, absl::Seconds(5));
    EXPECT_FALSE(traffic.drain_request.has_value());
    EXPECT_EQ(traffic.weight_label, "");
  }
  EXPECT_EQ(web.listeners[2].attach, "own");
  EXPECT_TRUE(web.listeners[2].http) << "as its port";
  EXPECT_EQ(web.listeners[2].traffic.weight_label, "power");
  EXPECT_EQ(web.listeners[2].traffic.timeout, absl::Seconds(60));
}

TEST(ConvertSpecTest, RequestsAreKeptWaitingWhereTheyEndTheZero) {
  const auto hold = [](const std::string& scale) {
    return Web("ports { target: 80 published: 80 } autoscale { max: 3 " + scale + " }").autoscale->hold;
  };
  EXPECT_EQ(hold("signals { in_flight { target: 8 } }"), absl::Seconds(30));
  EXPECT_EQ(hold("min: 1 signals { in_flight { target: 8 } }"), absl::ZeroDuration());
  EXPECT_EQ(hold("min: 1 hold { seconds: 5 } signals { cpu { target_percent: 60 } }"), absl::Seconds(5));
  EXPECT_EQ(hold("signals { schedule { start: '0 8 * * *' end: '0 9 * * *' replicas: 1 } }"),
            absl::ZeroDuration());
  const ServiceSpec web =
      Web("ports { target: 80 published: 80 } autoscale { max: 3 signals { in_flight { target: 8 } } }");
  EXPECT_EQ(web.autoscale->max_held, 1000);
}

TEST(ConvertSpecTest, R6_1_AConsumerThatPullsHasARouteAndAPublishedPort) {
  const ServiceSpec web =
      Web("edges { pull: 'traefik1' host: 'shop.example' target: 8000 delay { seconds: 4 } }"
          "edges { pull: 'xds' target: 9000 }");
  ASSERT_EQ(web.listeners.size(), 2U);
  EXPECT_EQ(web.listeners[0].pull, "traefik1");
  EXPECT_EQ(web.listeners[0].pull_delay, absl::Seconds(4));
  EXPECT_TRUE(web.listeners[0].http);
  EXPECT_EQ(web.listeners[1].pull_delay, absl::Seconds(5)) << "when nothing is said";
  EXPECT_THAT(web.routed_ports, ElementsAre(8000, 9000));
}

TEST(ConvertSpecTest, CountPolicyPriorityAndListenersDoNotReplaceReplicas) {
  const std::string same = Web("ports { target: 80 published: 8080 }").spec_hash;
  EXPECT_EQ(Web("replicas: 7 ports { target: 80 published: 8081 }").spec_hash, same);
  EXPECT_EQ(Web("priority: 3 ports { target: 80 published: 8080 } update { order: STOP_FIRST } "
                "autoscale { min: 1 max: 3 signals { cpu { target_percent: 60 } } }")
                .spec_hash,
            same);
  EXPECT_NE(Web("ports { target: 80 published: 8080 } container { environment: 'A=1' }").spec_hash, same);
  EXPECT_EQ(same.size(), 16U);
}

TEST(ConvertSpecTest, PlacementIsTakenOverAndReplacesNoReplica) {
  const ServiceSpec web =
      Web("constraints: 'node.labels.disk == ssd' constraints: 'node.hostname!=a' "
          "spread_over: 'node.labels.zone' max_per_node: 2");
  ASSERT_EQ(web.constraints.size(), 2U);
  EXPECT_EQ(web.constraints[0], (ConstraintSpec{"node.labels.disk", true, "ssd"}));
  EXPECT_EQ(web.constraints[1], (ConstraintSpec{"node.hostname", false, "a"}));
  EXPECT_THAT(web.spread_over, ElementsAre("node.labels.zone"));
  EXPECT_EQ(web.max_per_node, 2U);
  EXPECT_EQ(web.spec_hash, Web("").spec_hash);
  EXPECT_TRUE(Web("global: true replicas: 0").global);
  EXPECT_FALSE(Web("global: true replicas: 0 local_data: 'pos'").pinned()) << "each node has its own";
  EXPECT_TRUE(Web("global: true replicas: 0 local_data: 'pos'").stop_first);
}

TEST(ConvertSpecTest, HashIsTheSameWhateverTheOrderOfMapsAndServices) {
  v1::StackSpec a = Stack("");
  v1::StackSpec b = Stack("");
  for (int i = 0; i < 20; ++i) {
    (*a.mutable_services(0)->mutable_container()->mutable_labels())["l" + std::to_string(i)] = "v";
    (*b.mutable_services(0)->mutable_container()->mutable_labels())["l" + std::to_string(19 - i)] = "v";
  }
  EXPECT_EQ(Core(a), Core(b));
  const v1::StackSpec two = Stack("", "services { name: 'api' container { image: 'a' } }");
  EXPECT_THAT(Core(two).services[0].name, "api");
}

TEST(ConvertSpecTest, R1_6_SecretContentIsNotInTheContext) {
  const std::string content = "hunter2 and more";
  const ServiceSpec web =
      Web("container { files { file: 'secret/db' target: '/run/secrets/db' } files { file: 'config/c' "
          "target: '/c' } }",
          "files { name: 'secret/db' secret: true content: '" + content + "' sha256: '" + Sha256Hex(content) +
              "' } files { name: 'config/c' content: 'plain' sha256: '" + Sha256Hex("plain") + "' }");
  EXPECT_THAT(web.context, Not(HasSubstr(content)));
  const v1::ServiceContext context = ContextOf(web);
  ASSERT_EQ(context.files_size(), 2);
  EXPECT_EQ(context.files(0).sha256(), Sha256Hex(content));
  EXPECT_EQ(context.files(1).content(), "plain");
}

TEST(ConvertSpecTest, R9_2_ShownSpecHidesSecrets) {
  const v1::StackSpec spec =
      Stack("", "files { name: 'secret/db' secret: true content: 'x' sha256: '" + Sha256Hex("x") + "' }");
  const auto shown = ShownSpec(Core(spec).source);
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->files(0).content(), "");
  EXPECT_EQ(shown->files(0).sha256(), Sha256Hex("x"));
}

TEST(ConvertSpecTest, ContextHasTheVolumesAndNetworksOfTheServiceOnly) {
  const ServiceSpec web =
      Web("container { mounts { type: VOLUME source: 'shop_pg' target: '/data' } networks { network: "
          "'shop_back' } }",
          "volumes { name: 'pg' engine_name: 'shop_pg' } volumes { name: 'x' engine_name: 'shop_x' } "
          "networks { name: 'back' engine_name: 'shop_back' } networks { name: 'y' engine_name: 'shop_y' }");
  const v1::ServiceContext context = ContextOf(web);
  ASSERT_EQ(context.volumes_size(), 1);
  EXPECT_EQ(context.volumes(0).engine_name(), "shop_pg");
  ASSERT_EQ(context.networks_size(), 1);
  EXPECT_EQ(context.networks(0).name(), "back");
}

TEST(ConvertSpecTest, AutoscaleHasTheHpasDefaults) {
  const auto scale = Web("autoscale { min: 1 max: 9 signals { cpu { target_percent: 60 } } "
                         "scale_up { select: MIN policies { percent: 100 period { seconds: 15 } } } }")
                         .autoscale;
  ASSERT_TRUE(scale.has_value());
  EXPECT_EQ(scale->tolerance, 0.1);
  EXPECT_EQ(scale->down.stabilization, absl::Seconds(300));
  EXPECT_EQ(scale->up.stabilization, absl::ZeroDuration());
  EXPECT_EQ(scale->up.select, ScalingRules::Select::kMin);
  EXPECT_EQ(scale->up.policies[0].unit, RatePolicy::Unit::kPercent);
  EXPECT_EQ(scale->up.policies[0].amount, 100);
}

TEST(ConvertSpecTest, EachFamilyHasItsOwnDefaults) {
  const auto scale = [](const std::string& more) {
    return *Web("autoscale { min: 1 max: 9 signals { cpu { target_percent: 60 } } " + more + " }").autoscale;
  };
  const AutoscaleSpec hpa =
      scale("policy: 'hpa' scale_down { stabilization { seconds: 60 } tolerance: 0.2 }");
  EXPECT_EQ(hpa.policy, AutoscaleSpec::Policy::kHpa);
  EXPECT_EQ(hpa.up.policies.size(), 2U);
  EXPECT_EQ(hpa.down.stabilization, absl::Seconds(60));
  EXPECT_EQ(hpa.down.tolerance, 0.2);
  ASSERT_EQ(hpa.down.policies.size(), 1U);
  EXPECT_EQ(hpa.down.policies[0].amount, 100);
  const StackSpec kpa =
      Core(Stack("autoscale { min: 1 max: 9 policy: 'kpa' signals { queue { queue: 'q' per_replica: 7 } } }",
                 "queues { name: 'q' kind: REDIS_LIST keys: 'jobs' endpoints { host: 'r' port: 6379 } }"));
  EXPECT_EQ(kpa.services[0].autoscale->down.stabilization, absl::ZeroDuration());
  const AutoscaleSpec keda = scale(
      "policy: 'keda' idle_replicas: 0 fallback { failure_threshold: 2 replicas: 5 "
      "behavior: CURRENT_REPLICAS_IF_HIGHER }");
  EXPECT_EQ(keda.idle_replicas, 0);
  EXPECT_EQ(keda.fallback->behavior, FallbackSpec::Behavior::kCurrentIfHigher);
}

TEST(ConvertSpecTest, Schedule) {
  const AutoscaleSpec spec =
      *Web("autoscale { min: 1 max: 9 signals { schedule { start: '0 8 * * *' end: '0 18 * * *' "
           "time_zone: 'Europe/Berlin' replicas: 4 } } }")
           .autoscale;
  ASSERT_TRUE(spec.signals[0].schedule.has_value());
  EXPECT_EQ(spec.signals[0].schedule->zone.name(), "Europe/Berlin");
  EXPECT_EQ(spec.signals[0].schedule->replicas, 4);
}

TEST(ConvertSpecTest, R4_3_QueueOnAServiceOfTheStackIsMarked) {
  const StackSpec core = Core(Stack("",
                                    "queues { name: 'q' kind: REDIS_LIST keys: 'jobs' "
                                    "endpoints { host: 'web' port: 6379 } }"));
  EXPECT_EQ(core.queues[0].host_service, "web");
  EXPECT_EQ(core.queues[0].host_port, 6379U);
}

TEST(ConvertSpecTest, SourcesHaveTheirPaceByKindUnlessWritten) {
  const StackSpec core = Core(
      Stack("",
            "queues { name: 'a' kind: PROMETHEUS url: 'http://web:9090' query: 'up' endpoints { host: 'web' "
            "port: 9090 } }"
            "queues { name: 'b' kind: HTTP_JSON url: 'http://h' query: 'd' endpoints { host: 'h' port: 80 } "
            "interval { nanos: 500000000 } timeout { seconds: 9 } }"
            "queues { name: 'c' kind: PUSHED pushed: 'm' }"
            "queues { name: 'd' kind: REDIS_LIST keys: 'jobs' endpoints { host: 'h' port: 6379 } }"));
  EXPECT_EQ(core.queues[0].interval, absl::Seconds(5));
  EXPECT_EQ(core.queues[0].timeout, absl::Seconds(2));
  EXPECT_EQ(core.queues[0].host_service, "web");
  v1::QueueSpec probe;
  ASSERT_TRUE(probe.ParseFromString(core.queues[0].probe));
  EXPECT_EQ(probe.timeout().seconds(), 2);  // agents need not know the defaults
  EXPECT_EQ(core.queues[1].interval, absl::Milliseconds(500));
  EXPECT_EQ(core.queues[1].timeout, absl::Seconds(9));
  EXPECT_EQ(core.queues[2].pushed, "m");
  EXPECT_EQ(core.queues[2].stale_after, absl::Seconds(60));
  EXPECT_EQ(core.queues[3].interval, absl::Milliseconds(100));
}

TEST(ConvertSpecTest, R7_1_PinnedAndSingletonStopFirst) {
  EXPECT_TRUE(Web("local_data: 'pg'").stop_first);
  EXPECT_TRUE(Web("singleton: true").stop_first);
  EXPECT_FALSE(Web("").stop_first);
}

TEST(ConvertSpecTest, TaskAndDependencies) {
  const v1::StackSpec spec = Stack(
      "depends_on { service: 'migrate' condition: COMPLETED_SUCCESSFULLY } depends_on { service: 'gone' "
      "optional: true }",
      "services { name: 'migrate' replicas: 1 container { image: 'web:1' } task { when: BEFORE_ROLLOUT } }");
  const StackSpec core = Core(spec);
  ASSERT_EQ(core.services.size(), 2U);
  EXPECT_TRUE(core.services[0].task);
  EXPECT_TRUE(core.services[0].before_rollout);
  ASSERT_EQ(core.services[1].depends_on.size(), 1U);
  EXPECT_EQ(core.services[1].depends_on[0].condition, DependencySpec::Condition::kCompleted);
}

TEST(ConvertSpecTest, EveryFaultIsNamedAtOnceWithItsPath) {
  const v1::StackSpec spec = FromText<v1::StackSpec>(
      "name: 'Shop!' services { name: 'web' container { environment: 'novalue' stop_signal: 'term' } "
      "ports { target: 70000 published: 8080 } "
      "autoscale { min: 5 max: 3 signals { queue { queue: 'nope' per_replica: 0 } } } }");
  const std::string faults = FaultOf(spec);
  for (const char* expected :
       {"name: \"Shop!\"", "services.web.container.image: ", "services.web.container.environment[0]: ",
        "services.web.container.stopSignal: ", "services.web.ports[0].target: ",
        "services.web.autoscale.max: must be at least min (5), was 3",
        "services.web.autoscale.signals[0].queue.queue: ",
        "services.web.autoscale.signals[0].queue.perReplica: "}) {
    EXPECT_THAT(faults, HasSubstr(expected));
  }
}

struct FaultCase {
  const char* name;
  const char* web;
  const char* stack;
  const char* expected;
};

class SpecFaultTest : public ::testing::TestWithParam<FaultCase> {};

TEST_P(SpecFaultTest, IsRefusedByName) {
  EXPECT_THAT(FaultOf(Stack(GetParam().web, GetParam().stack)), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    All, SpecFaultTest,
    ::testing::Values(
        FaultCase{"SameServiceTwice", "", "services { name: 'web' container { image: 'x' } }",
                  "services.web: appears twice"},
        FaultCase{"SamePortTwice", "ports { target: 80 published: 80 }",
                  "services { name: 'api' container { image: 'x' } ports { target: 80 published: 80 } }",
                  "services.api.ports[0]: port 80 is taken by services.web.ports[0]"},
        FaultCase{"UdpBalanced", "ports { target: 53 published: 53 protocol: PROTOCOL_UDP }", "",
                  "UDP can't be balanced"},
        FaultCase{"R7_1_ScaledPinned",
                  "local_data: 'pg' autoscale { min: 1 max: 2 signals { cpu { target_percent: 5 } } }", "",
                  "services.web.autoscale: the service writes to \"pg\""},
        FaultCase{"R7_1_TwoPinned", "local_data: 'pg' replicas: 2", "",
                  "services.web.replicas: a service with local data"},
        FaultCase{"R7_2_TwoSingletons", "singleton: true replicas: 2", "",
                  "x-singleton can have one replica only"},
        FaultCase{"NoConstraint", "constraints: 'node.labels.a == b' constraints: 'disk'", "",
                  "services.web.constraints[1]: \"disk\" is no constraint; write ATTRIBUTE == VALUE"},
        FaultCase{"NoManagers", "constraints: 'node.role == manager'", "",
                  "services.web.constraints[0]: node.role is not known"},
        FaultCase{"SpreadOverNodes", "spread_over: 'node.id'", "",
                  "services.web.spreadOver[0]: \"node.id\" is no label to spread over"},
        FaultCase{"GlobalAndScaled",
                  "global: true autoscale { min: 1 max: 2 signals { cpu { target_percent: 5 } } }", "",
                  "services.web.global: is one replica on every node, which does not go with autoscale"},
        FaultCase{"GlobalAndCounted", "global: true replicas: 2", "",
                  "services.web.global: is one replica on every node, which does not go with a number"},
        FaultCase{"ZeroWithCpuOnly", "autoscale { max: 2 signals { cpu { target_percent: 5 } } }", "",
                  "services.web.autoscale.min: 0 needs a signal that shows work"},
        FaultCase{"UnknownPolicy",
                  "autoscale { min: 1 max: 2 policy: 'vpa' signals { cpu { target_percent: 5 } } }", "",
                  "services.web.autoscale.policy: \"vpa\" is unknown; give drover, hpa, kpa or keda"},
        FaultCase{"ScheduleThatNeverComes",
                  "autoscale { min: 1 max: 2 signals { schedule { start: '0 0 30 2 *' end: '0 1 * * *' "
                  "replicas: 2 } } }",
                  "", "services.web.autoscale.signals[0].schedule.start: \"0 0 30 2 *\" never comes"},
        FaultCase{
            "FallbackAboveMax",
            "autoscale { min: 1 max: 2 fallback { replicas: 3 } signals { cpu { target_percent: 5 } } }", "",
            "services.web.autoscale.fallback.replicas: must be at most max (2)"},
        FaultCase{"NotBuiltSignal", "autoscale { min: 1 max: 2 signals { forecast {} } }", "",
                  "is not supported by this version"},
        FaultCase{"InFlightBehindNoBalancer",
                  "autoscale { min: 1 max: 2 signals { in_flight { target: 8 } } }", "",
                  "services.web.autoscale.signals: are measured by the load balancer"},
        FaultCase{"InFlightOfNothing",
                  "ports { target: 80 published: 80 } autoscale { min: 1 max: 2 signals { in_flight {} } }",
                  "", "services.web.autoscale.signals[0].inFlight.target: must be above 0"},
        FaultCase{"HeldForEver",
                  "ports { target: 80 published: 80 } autoscale { max: 2 hold { seconds: 601 } signals { "
                  "in_flight { target: 1 } } }",
                  "", "services.web.autoscale.hold: must be 0 (not at all) to 600 s"},
        FaultCase{"NobodyHeldAtZero",
                  "ports { target: 80 published: 80 } autoscale { max: 2 hold {} signals { in_flight { "
                  "target: 1 } } }",
                  "", "services.web.autoscale.hold: 0 with min 0"},
        FaultCase{"HeldByNoBalancer",
                  "autoscale { min: 1 max: 2 hold { seconds: 1 } signals { cpu { target_percent: 5 } } }", "",
                  "services.web.autoscale.hold: is for requests through a load balancer"},
        FaultCase{
            "HeldWithoutNumber",
            "ports { target: 80 published: 80 } autoscale { max: 2 max_held: 100001 signals { in_flight "
            "{ target: 1 } } }",
            "", "services.web.autoscale.maxHeld: must be at most 100000"},
        FaultCase{
            "LatencyWithoutMaxconn",
            "routed_ports: 80 edges { listen: 80 } autoscale { min: 1 max: 2 signals { latency { quantile: "
            "0.95 target { seconds: 1 } } } }",
            "", "services.web.autoscale.signals[0].latency: counts the requests that wait"},
        FaultCase{
            "LatencyOfAll",
            "routed_ports: 80 edges { listen: 80 maxconn: 4 } autoscale { min: 1 max: 2 signals { latency { "
            "quantile: 1 target { seconds: 1 } } } }",
            "", "services.web.autoscale.signals[0].latency.quantile: must be 0.5 to below 1"},
        FaultCase{"StickyWord", "edges { listen: 80 target: 80 sticky: 'ip' }", "",
                  "services.web.edges[0].sticky: must be cookie or source"},
        FaultCase{"CookieOfTcp", "edges { listen: 80 target: 80 sticky: 'cookie' }", "",
                  "services.web.edges[0].sticky: cookie needs HTTP"},
        FaultCase{"H2OfTcp", "edges { listen: 80 target: 80 h2: true }", "",
                  "services.web.edges[0].h2: needs http"},
        FaultCase{"CheckOfTcp", "edges { listen: 80 target: 80 check: '/' }", "",
                  "services.web.edges[0].check: must be a path"},
        FaultCase{"LabelWithBlanks", "edges { listen: 80 target: 80 weight_label: 'a b' }", "",
                  "services.web.edges[0].weightLabel: must be the name of a node label"},
        FaultCase{"NoSlowStart", "edges { listen: 80 target: 80 slow_start {} }", "",
                  "services.web.edges[0].slowStart: must be more than 0 s"},
        FaultCase{"TimeoutOfTwoDays", "edges { listen: 80 target: 80 timeout { seconds: 172800 } }", "",
                  "services.web.edges[0].timeout: must be more than 0 s and at most 86400 s"},
        FaultCase{"EdgesThatContradict",
                  "edges { listen: 80 target: 80 drain_request { seconds: 1 } } "
                  "edges { listen: 81 target: 80 drain_request { seconds: 2 } }",
                  "", "services.web.edges[1]: contradicts edges[0], which leads to the same port"},
        FaultCase{"PullWithSticky", "edges { pull: 't' target: 80 sticky: 'source' }", "",
                  "services.web.edges[0].pull: goes with none of tlsPath, maxconn, sticky"},
        FaultCase{"LatencyOfTheHpa",
                  "routed_ports: 80 edges { listen: 80 maxconn: 4 } autoscale { min: 1 max: 2 policy: 'hpa' "
                  "signals { latency { quantile: 0.9 target { seconds: 1 } } } }",
                  "", "services.web.autoscale.signals[0].latency: belongs to policy drover"},
        FaultCase{"BacklogOfNoPort", "autoscale { min: 1 max: 2 signals { backlog { target: 2 } } }", "",
                  "services.web.autoscale.signals[0].backlog: is that of a port"},
        FaultCase{"TwoRules",
                  "autoscale { min: 1 max: 2 signals { queue { queue: 'q' total: 3 per_replica: 4 } } }",
                  "queues { name: 'q' kind: REDIS_LIST keys: 'k' endpoints { host: 'h' port: 1 } }",
                  "services.web.autoscale.signals[0].queue: has several of"},
        FaultCase{"KpaByCpu",
                  "autoscale { min: 1 max: 2 policy: 'kpa' signals { cpu { target_percent: 5 } } }", "",
                  "the KPA counts by one signal alone"},
        FaultCase{"NotBuiltQueue", "", "queues { name: 'q' kind: CELERY_AMQP }",
                  "queues.q.kind: CELERY_AMQP"},
        FaultCase{"QueueUrlWithPassword", "",
                  "queues { name: 'q' kind: PROMETHEUS url: 'http://u:p@h' query: 'up' "
                  "endpoints { host: 'h' port: 1 } }",
                  "queues.q.url: must not name a user"},
        FaultCase{"QueueUrlOfAnotherScheme", "",
                  "queues { name: 'q' kind: HTTP_JSON url: 'http://h' query: 'd' tls: true "
                  "endpoints { host: 'h' port: 1 } }",
                  "queues.q.url: must be an address that begins with https://"},
        FaultCase{
            "QueueTimeout", "",
            "queues { name: 'q' kind: EXTERNAL endpoints { host: 'h' port: 1 } timeout { seconds: 61 } }",
            "queues.q.timeout: must be 100ms to 1m"},
        FaultCase{"QueuePushedName", "", "queues { name: 'q' kind: PUSHED pushed: 'a b' }",
                  "queues.q.pushed: "},
        FaultCase{"QueueTokenFile", "",
                  "queues { name: 'q' kind: PROMETHEUS url: 'http://h' query: 'up' bearer_token_file: 't' "
                  "endpoints { host: 'h' port: 1 } }",
                  "queues.q.bearerTokenFile: must be an absolute path"},
        FaultCase{"Circle", "depends_on { service: 'api' }",
                  "services { name: 'api' container { image: 'x' } depends_on { service: 'web' } }",
                  "depends_on goes in a circle among web, api"},
        FaultCase{"OtherThanATaskNeverCompletes",
                  "depends_on { service: 'api' condition: COMPLETED_SUCCESSFULLY }",
                  "services { name: 'api' container { image: 'x' } }", "\"api\" never completes"},
        FaultCase{"WrongHash", "", "files { name: 'config/a' content: 'x' sha256: '00' }",
                  "files.config/a.sha256"},
        FaultCase{"UndeclaredVolume", "container { mounts { type: VOLUME source: 'pg' target: '/d' } }", "",
                  "services.web.container.mounts[0].source"},
        FaultCase{"RelativeBind", "container { mounts { type: BIND source: './d' target: '/d' } }", "",
                  "must be an absolute path on the node"},
        FaultCase{"LimitBelowReservation", "reserved_cpu_milli: 800 container { limit_cpu_milli: 500 }", "",
                  "must be at least the reservation (800), was 500"},
        FaultCase{"NegativeDuration", "container { stop_grace_period { seconds: -1 } }", "",
                  "services.web.container.stopGracePeriod"},
        FaultCase{"AmbiguousEdgeTarget", "routed_ports: 80 routed_ports: 81 edges { listen: 443 }", "",
                  "services.web.edges[0].target: is missing and the service has 2 routed ports"},
        FaultCase{"PeriodTooLong",
                  "autoscale { min: 1 max: 2 signals { cpu { target_percent: 5 } } "
                  "scale_down { policies { replicas: 1 period { seconds: 3600 } } } }",
                  "", "services.web.autoscale.scaleDown.policies[0].period"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace drover::controller
