// Every area of the schema: what is honoured, what is refused, with the place and the remedy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SchemaTest, UnknownKeysNameTheNearestKnownOne) {
  EXPECT_THAT(Faults(LoadText("services:\n  web:\n    image: i\n    enviroment: {A: b}\nvolume: {}\n")),
              ElementsAre("4:5: unknown key \"enviroment\" in service \"web\"; did you mean \"environment\"?",
                          "5:1: unknown key \"volume\" in the Compose file; did you mean \"volumes\"?"));
  EXPECT_THAT(
      Warnings(LoadText("services: {web: {image: i, deploy: {x-autoscal: 1, x-mine: 2}}}")),
      ElementsAre(HasSubstr("\"x-autoscal\" means nothing to Drover; did you mean \"x-autoscale\"?")));
}

TEST(SchemaTest, AllFaultsAtOnce) {
  EXPECT_EQ(
      Faults(LoadText("services:\n  a: {image: i, cpus: many, restart: never}\n  b: {}\n  c: {image: i, "
                      "networks: [no], volumes: [no:/x], depends_on: [no]}\n"))
          .size(),
      6u);
}

struct Case {
  const char* service;  // keys of one service beside image
  const char* fault;    // with its place
};

class RefusedTest : public testing::TestWithParam<Case> {};

TEST_P(RefusedTest, NamesPlaceAndRemedy) {
  const auto faults =
      Faults(LoadText(absl::StrCat("x-queues: {q: {redis: \"redis://r\", key: k}}\nservices:\n  a:\n    "
                                   "image: i\n    ",
                                   GetParam().service, "\n")));
  EXPECT_THAT(faults, Contains(HasSubstr(GetParam().fault))) << GetParam().service;
}

INSTANTIATE_TEST_SUITE_P(
    Keys, RefusedTest,
    testing::Values(
        Case{"cpus: -1", "5:11: \"-1\" is no number of CPUs; write for example"},
        Case{"mem_limit: lots", "5:16: \"lots\" is no size; write for example \"512M\""},
        Case{"stop_grace_period: 30", "its unit is missing; write \"30s\""},
        Case{"privileged: maybe", "is neither true nor false; write true or false"},
        Case{"restart: never", "is no restart rule; write \"no\", always"},
        Case{"scale: 1.5", "write a whole number from 0 to"},
        Case{"healthcheck: {test: [curl, x]}", "begins with NONE, CMD or CMD-SHELL"},
        Case{"healthcheck: {tset: x}", "unknown key \"tset\" in healthcheck; did you mean \"test\"?"},
        Case{"network_mode: service:db", "not supported: the other container may be on another host"},
        Case{"volumes_from: [b]", "5:5: volumes_from is not supported"},
        Case{"external_links: [b]", "external_links is not supported"},
        Case{"provider: {type: x}", "provider is not supported"},
        Case{"use_api_socket: true", "use_api_socket is not supported"},
        Case{"expose: [0]", "is no port; write a number from 1 to 65535"},
        Case{"environment: [\"=x\"]", "an environment variable has no name"},
        Case{"command: \"a 'b\"", "a quote is not closed"},
        Case{"extra_hosts: [nohost]", "has no address; write \"host:ip\""},
        Case{"volumes: [\"a:b\"]", "is no absolute path in the container"},
        Case{"volumes: [\"/a:/b:rx\"]", "unknown volume option \"rx\""},
        Case{"volumes: [{type: npipe, target: /x}]", "volume type \"npipe\" is not supported"},
        Case{"configs: [c]", "config \"c\" is not declared"},
        Case{"x-autoscale: {max: 3}", "5:5: x-autoscale stands beside deploy; put it under `deploy:`"},
        Case{"deploy: {mode: global-job}", "5:20: mode: global-job is not built yet"},
        Case{"deploy: {mode: everywhere}", "is no mode; write replicated, global or replicated-job"},
        Case{"deploy: {mode: global, replicas: 3}",
             "5:28: a is global, one replica on every node: remove replicas, or write mode: replicated"},
        Case{"scale: 2\n    deploy: {mode: global}", "5:5: a is global, one replica on every node: remove"},
        Case{"deploy: {mode: global, x-autoscale: {max: 3, signals: [{cpu: 60%}]}}",
             "a is global, one replica on every node, and cannot be scaled"},
        Case{"deploy: {mode: global, x-singleton: true}", "and x-singleton is one in all"},
        Case{"restart: \"no\"\n    deploy: {mode: global}", "and a task runs once"},
        Case{"container_name: x\n    deploy: {mode: global}", "container_name fits one replica only"},
        Case{"deploy: {placement: {constraints: node.id == x}}", "constraints is no list"},
        Case{"deploy: {placement: {constraints: [node.role == manager]}}",
             "5:40: node.role is not known: no node is a manager"},
        Case{"deploy: {placement: {constraints: [node.labels.a = b]}}",
             "is no constraint; write ATTRIBUTE == VALUE or ATTRIBUTE != VALUE"},
        Case{"deploy: {placement: {constraints: [node.ip == 10.0.0.1]}}",
             "\"node.ip\" is nothing that a node has; write node.labels.NAME, node.hostname"},
        Case{"deploy: {placement: {constraints: [node.labels. == b]}}",
             "names no label; write node.labels.NAME"},
        Case{"deploy: {placement: {constraints: [node.labels.a ==]}}", "compares with no value"},
        Case{"deploy: {placement: {constraints: [node.labels.a==b==c]}}", "compares with no value"},
        Case{"deploy: {placement: {constraints: [node.labels.a === b]}}", "compares with no value"},
        Case{"deploy: {placement: {preferences: [{spread: node.hostname}]}}",
             "is no label to spread over; write node.labels.NAME"},
        Case{"deploy: {placement: {preferences: [{spread: zone}]}}", "5:49: \"zone\" is no label"},
        Case{"deploy: {placement: {preferences: [{binpack: zone}]}}",
             "unknown key \"binpack\" in preferences"},
        Case{"deploy: {placement: {preferences: [{}]}}", "the preference is empty"},
        Case{"deploy: {placement: {preferences: {spread: node.labels.zone}}}", "preferences is no list"},
        Case{"deploy: {placement: {max_replicas_per_node: -1}}", "write a whole number from 0"},
        Case{"deploy: {x-priority: 1, x-autoscale: {max: 3, priority: 2, signals: [{cpu: 60%}]}}",
             "x-priority and x-autoscale.priority say different things"},
        Case{"x-priority: 1", "x-priority stands beside deploy; put it under `deploy:`"},
        Case{"deploy: {x-worker: celery}", "x-worker is not supported: stop recipes are not built yet"},
        Case{"deploy: {x-run: {schedule: \"* * * * *\"}}",
             "schedule is not supported: scheduled tasks are not built"},
        Case{"deploy: {resources: {limits: {memory: 1M}, reservations: {memory: 2M}}}",
             "more memory is reserved"},
        Case{"deploy: {x-edge: [{host: a}]}", "no backend and nobody who pulls; write `listen: 443`"},
        Case{"deploy: {x-edge: [{listen: 443}]}", "has none; write `target: PORT`"},
        Case{"deploy: {x-edge: [{listen: 443, path: api, target: 1}]}", "does not begin with \"/\""},
        Case{"deploy: {x-ready: {}}", "x-ready needs exactly one check"},
        Case{"deploy: {x-ready: {http: /z}}", "x-ready does not say which port it asks"},
        Case{"deploy: {x-autoscale: {signals: [{cpu: 60%}]}}",
             "5:14: x-autoscale has no max; write `max: 10`"},
        Case{"deploy: {x-autoscale: {max: 3}}", "x-autoscale has no signals"},
        Case{"deploy: {x-autoscale: {min: 4, max: 3, signals: [{cpu: 1%}]}}",
             "max is 3, below min; write at least 4"},
        Case{"deploy: {x-autoscale: {min: 0, max: 3, signals: [{cpu: 1%}]}}",
             "from 0 replicas CPU and memory can never ask"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{cpu: 0%}]}}", "the target is out of range"},
        Case{"deploy: {x-autoscale: {max: 3, warm: 1, signals: [{cpu: 1%}]}}",
             "warm replicas are not built yet"},
        Case{"deploy: {x-autoscale: {max: 3, policy: vpa, signals: [{cpu: 1%}]}}",
             "write one of drover, hpa, kpa, keda"},
        Case{"deploy: {x-autoscale: {max: 3, policy: kpa, signals: [{cpu: 1%}]}}",
             "5:44: policy kpa counts by one signal alone"},
        Case{"deploy: {x-autoscale: {max: 3, fallback: {}, signals: [{cpu: 1%}]}}",
             "fallback has no replicas; write `fallback: {replicas: 5}`"},
        Case{"deploy: {x-autoscale: {max: 3, fallback: {replicas: 4}, signals: [{cpu: 1%}]}}",
             "replicas is 4, above max; write at most 3"},
        Case{"deploy: {x-autoscale: {max: 3, policy: hpa, fallback: {replicas: 2}, signals: [{cpu: 1%}]}}",
             "policy hpa has no fallback"},
        Case{"deploy: {x-autoscale: {max: 3, idle_replicas: 0, signals: [{cpu: 1%}]}}",
             "idle_replicas belongs to policy: keda"},
        Case{"deploy: {x-autoscale: {max: 3, policy: keda, idle_replicas: 1, signals: [{cpu: 1%}]}}",
             "idle_replicas is 1, not below min (1)"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{cpu: 1%}], scale_up: {tolerance: -1}}}",
             "the tolerance is out of range"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{forecast: 8}]}}", "signal forecast is not built yet"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{in_flight: 0}]}}",
             "in_flight must be more than 0, and at most 1e9; write for example `in_flight: 8`"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{in_flight: 8}]}}",
             "a signal of a is measured by the load balancer, which does not lead to it"},
        Case{"ports: [\"80:80\"]\n    deploy: {x-autoscale: {max: 3, hold: 11m, signals: [{in_flight: 8}]}}",
             "hold is out of range; write 0 to 10m"},
        Case{"deploy: {x-autoscale: {max: 3, interval: 1ms, signals: [{cpu: 1%}]}}",
             "interval is out of range; write 100ms to 10m"},
        Case{"deploy: {x-autoscale: {max: 3, hold: 5s, signals: [{cpu: 1%}]}}",
             "hold is for requests through a load balancer, which does not lead to a"},
        Case{"ports: [\"80:80\"]\n    deploy: {x-autoscale: {max: 3, min: 0, hold: 0s, signals: [{in_flight: "
             "8}]}}",
             "with min: 0 and hold: 0s no request waits that could wake the service"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{in_flight: 8, cpu: 1%}]}}",
             "one entry names two signals"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{memory: 1%, cpu: 1%}]}}",
             "one entry names two signals"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [null, {cpu: 1%}]}}", "this entry names no signal"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{x-note: 1}]}}", "this entry names no signal"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [schedule: ]}}", "the schedule has no start"},
        Case{"ports: [\"80:80\"]\n    deploy: {x-autoscale: {max: 3, signals: [latency: ]}}",
             "latency promises one quantile"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{schedule: {}}]}}",
             "5:47: the schedule has no start; write `{start:"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{schedule: {start: 0 8 * *}}]}}",
             "\"0 8 * *\" has 4 fields"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{schedule: {time_zone: Mars}}]}}",
             "5:69: \"Mars\" is no time zone; write an IANA name"},
        Case{"deploy: {x-autoscale: {max: 3, policy: hpa, signals: [{schedule: {}}]}}",
             "the HPA has no schedule; write policy: keda or drover"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{schedule: {replicas: 7}}]}}",
             "replicas is 7, above max; write at most 3"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{max_wait: 30s}]}}", "max_wait belongs to a queue"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q, max_wait: 1ms}]}}",
             "max_wait is out of range; write 100ms to 24h"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q, max_wait: 30s, per_replica: 3}]}}",
             "the queue has max_wait and per_replica; write one of them"},
        Case{"deploy: {x-autoscale: {max: 3, policy: keda, signals: [{queue: q, max_wait: 30s}]}}",
             "max_wait belongs to policy: drover"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q, total: 3, per_replica: 3}]}}",
             "the queue has per_replica and total; write one of them"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q, total: 0}]}}", "total must be more than 0"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q, per_replica: 1e10}]}}",
             "per_replica must be more than 0, and at most 1e9"},
        Case{"deploy: {x-autoscale: {max: 3, policy: kpa, signals: [{queue: q, total: 3}]}}",
             "policy kpa counts by one signal alone"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{backlog: 2}]}}",
             "backlog is that of a port, and a has none"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{latency: {}}]}}", "latency promises one quantile"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{latency: {p95: 1s, p99: 2s}}]}}",
             "latency promises one quantile"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{latency: {p95: 2h}}]}}",
             "the latency is out of range; write 1ms to 1h"},
        Case{"deploy: {x-autoscale: {max: 3, policy: hpa, signals: [{latency: {p95: 1s}}]}}",
             "latency belongs to policy: drover"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{latency: {p95: 1s}}]}, x-edge: [{listen: 80, target: "
             "1}]}",
             "nothing waits there without maxconn"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: q}]}}", "the queue has no target"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{prometheus: \"http://p\"}]}}",
             "prometheus is a source; declare it under the top level `x-queues:`"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{external: \"s:1\"}]}}", "external is a source"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{queue: z, per_replica: 1}]}}",
             "queue \"z\" is not declared"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{per_replica: 1}]}}",
             "per_replica belongs to a queue"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{cpu: 1%}], scale_up: {policies: [{period: 1s}]}}}",
             "the policy has no amount"},
        Case{"deploy: {x-autoscale: {max: 3, signals: [{cpu: 1%}], scale_down: {select: most}}}",
             "write one of max, min, disabled"}));

TEST(SchemaTest, BudgetsAreRefusedByName) {
  EXPECT_THAT(Faults(LoadText("services: {a: {image: i}}\nx-budgets: {}\n")),
              ElementsAre(HasSubstr("2:1: x-budgets is not supported")));
}

TEST(SchemaTest, AutoscaleIsReadWhole) {
  const auto spec = SpecOf(LoadText(
      "x-queues: {q: {redis: \"rediss://bob@r1:6380,r2/3\", key: jobs, password_file: /etc/pw}}\n"
      "services:\n  w:\n    image: i\n    deploy:\n      x-autoscale:\n        min: 0\n        max: 200\n"
      "        signals: [{queue: q, per_replica: 10, activation: 2}, {cpu: \"60\"}, {memory: 80%}]\n        "
      "idle: 2m\n"
      "        tolerance: 5%\n        interval: 500ms\n        priority: 10\n        dry_run: true\n"
      "        scale_up: {policies: [{percent: 100, period: 30s}, {replicas: 4}], select: min}\n"
      "        scale_down: {stabilization: 1m}\n"));
  const auto& a = spec.services(0).autoscale();
  EXPECT_EQ(a.max(), 200u);
  EXPECT_EQ(a.signals(0).queue().per_replica(), 10);
  EXPECT_EQ(a.signals(0).queue().activation(), 2);
  EXPECT_EQ(a.signals(1).cpu().target_percent(), 60);
  EXPECT_EQ(a.signals(2).memory().target_percent(), 80);
  EXPECT_EQ(a.idle().seconds(), 120);
  EXPECT_DOUBLE_EQ(a.tolerance(), 0.05);
  EXPECT_EQ(a.interval().nanos(), 500'000'000);
  EXPECT_TRUE(a.dry_run());
  EXPECT_EQ(a.scale_up().select(), v1::ScalingBehavior::MIN);
  EXPECT_EQ(a.scale_up().policies(0).percent(), 100u);
  EXPECT_EQ(a.scale_up().policies(1).period().seconds(), 15);
  EXPECT_EQ(a.scale_down().stabilization().seconds(), 60);
  EXPECT_EQ(spec.services(0).priority(), 10);
  const auto& q = spec.queues(0);
  EXPECT_TRUE(q.tls());
  EXPECT_EQ(q.username(), "bob");
  EXPECT_EQ(q.database(), 3u);
  EXPECT_EQ(q.endpoints(0).port(), 6380u);
  EXPECT_EQ(q.endpoints(1).host(), "r2");
  EXPECT_EQ(q.endpoints(1).port(), 6379u);
  EXPECT_EQ(q.keys(0), "jobs");
}

TEST(SchemaTest, PlacementIsReadWhole) {
  const auto result = LoadText(
      "services:\n  web:\n    image: i\n    deploy:\n      replicas: 4\n      x-priority: -3\n      "
      "placement:\n"
      "        constraints: [node.labels.disk == ssd, \"engine.labels.gpu!=old one\"]\n"
      "        preferences: [{spread: node.labels.zone}, {spread: engine.labels.rack}]\n"
      "        max_replicas_per_node: 2\n"
      "  mon:\n    image: i\n    volumes: [/var/lib/mon]\n    deploy: {mode: global}\n");
  EXPECT_THAT(Warnings(result), testing::IsEmpty());
  const auto web = ServiceOf(result, "web");
  EXPECT_THAT(web.constraints(), ElementsAre("node.labels.disk == ssd", "engine.labels.gpu!=old one"));
  EXPECT_THAT(web.spread_over(), ElementsAre("node.labels.zone", "engine.labels.rack"));
  EXPECT_EQ(web.max_per_node(), 2u);
  EXPECT_EQ(web.priority(), -3);
  const auto mon = ServiceOf(result, "mon");
  EXPECT_TRUE(mon.global());
  EXPECT_EQ(mon.replicas(), 0u);
  EXPECT_EQ(mon.update().order(), v1::UpdateSpec::STOP_FIRST) << "the next one uses the same data";
}

TEST(SchemaTest, SignalsOfBalancersAndTotalsAreRead) {
  const auto spec = SpecOf(
      LoadText("x-queues: {q: {redis: \"redis://r\", key: k}}\n"
               "services:\n  w:\n    image: i\n    ports: [\"80:8000\"]\n    deploy:\n"
               "      x-edge: [{listen: 80, target: 8000, maxconn: 16}]\n      x-autoscale:\n        max: 9\n"
               "        signals: [{in_flight: 8}, {rate: 120.5}, {backlog: 2}, {latency: {p99.9: 200ms}}, "
               "{queue: q, total: 40}]\n"));
  const auto& signals = spec.services(0).autoscale().signals();
  EXPECT_EQ(signals[0].in_flight().target(), 8);
  EXPECT_EQ(signals[1].rate().target(), 120.5);
  EXPECT_EQ(signals[2].backlog().target(), 2);
  EXPECT_EQ(signals[3].latency().quantile(), 0.999);
  EXPECT_EQ(signals[3].latency().target().nanos(), 200'000'000);
  EXPECT_EQ(signals[4].queue().total(), 40);
  EXPECT_EQ(signals[4].queue().per_replica(), 0);
}

TEST(SchemaTest, EnvironmentInComposesOrder) {
  Project project;
  project.Write("one.env", "A=1\nB=1\nSET\nUNSET\n")
      .Write("two.env", "B=2\nC=${HOSTVAR}\n")
      .Write("compose.yaml",
             "services:\n  a:\n    image: i\n    env_file: [one.env, {path: two.env}, {path: no.env, "
             "required: false}]\n"
             "    environment: {C: \"3\", D: , HOSTVAR: , NUMBER: 5, FLAG: true}\n");
  LoadOptions options;
  options.environment = {{"HOSTVAR", "h"}, {"SET", "s"}};
  EXPECT_THAT(ServiceOf(project.Load(options), "a").container().environment(),
              ElementsAre("A=1", "B=2", "C=3", "FLAG=true", "HOSTVAR=h", "NUMBER=5", "SET=s"));
}

TEST(SchemaTest, RuntimeOptionsOfUpdatesAreWarnings) {
  const auto result = LoadText(
      "services: {a: {image: i, deploy: {update_config: {parallelism: 2, delay: 1s, monitor: "
      "5s}, rollback_config: {}, labels: {a: b}}}}");
  EXPECT_EQ(Warnings(result).size(), 5u);
  EXPECT_THAT(Faults(result), IsEmpty());
}

}  // namespace
}  // namespace drover::compose
