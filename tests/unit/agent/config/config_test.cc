#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace drover::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::string> FaultsOf(const std::string& text, const Overrides& overrides = {}) {
  absl::StatusOr<Config> config = ParseConfig(text, "agent.yaml", overrides);
  if (config.ok()) {
    return {};
  }
  return absl::StrSplit(std::string(config.status().message()), '\n');
}

TEST(ConfigTest, LoopbackNeedsOnlyAController) {
  absl::StatusOr<Config> config = ParseConfig("controllers: [127.0.0.1:7400]", "agent.yaml", {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->controllers, ElementsAre("127.0.0.1:7400"));
  EXPECT_EQ(config->state_dir, "/var/lib/drover-agent");
  EXPECT_EQ(config->port_first, 20000u);
  EXPECT_EQ(config->port_last, 29999u);
  EXPECT_EQ(config->reserve.fraction, 0.05);
  EXPECT_EQ(config->reserve.memory_min, Bytes(256 << 20));
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:7410");
  EXPECT_FALSE(config->haproxy);
}

TEST(ConfigTest, EverythingWritten) {
  absl::StatusOr<Config> config = ParseConfig(R"(
controllers: [10.0.0.1:7400, "[fd00::1]:7400"]
state_dir: /srv/drover
node_id: 0123456789abcdef
name: host7
labels: {zone: a, ssd: "true"}
capacity: {cpus: 3.5, memory: 8G}
reserve: {cpus: 0.5, memory: 512M}
advertise_address: 10.0.0.7
port_range: 30000-30999
address_pool: 10.200.0.0/16
docker: {socket: /run/d.sock, config: /etc/docker-auth.json}
registries:
  reg.example.com: {username: me, password_file: /etc/drover/reg.pw}
tls: {cert: /c.pem, key: /k.pem, ca: /ca.pem}
edge: {haproxy: {bind: 0.0.0.0, config_dir: /srv/haproxy}}
metrics: {listen: off}
)",
                                              "agent.yaml", {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->controllers.size(), 2u);
  EXPECT_EQ(config->node_id, "0123456789abcdef");
  EXPECT_THAT(config->labels, ElementsAre(Pair("ssd", "true"), Pair("zone", "a")));
  EXPECT_EQ(config->capacity_cpu, MilliCpu(3500));
  EXPECT_EQ(config->capacity_memory, Bytes(int64_t{8} << 30));
  EXPECT_EQ(config->reserve.cpu, MilliCpu(500));
  EXPECT_EQ(config->port_last, 30999u);
  EXPECT_EQ(config->registries.at("reg.example.com").password_file, "/etc/drover/reg.pw");
  EXPECT_EQ(config->tls->ca, "/ca.pem");
  EXPECT_EQ(config->haproxy->config_dir, "/srv/haproxy");
  EXPECT_EQ(config->metrics_listen, "");
}

TEST(ConfigTest, AllFaultsAtOnceEachWithPlacePathAndWhatWouldBeRight) {
  EXPECT_THAT(
      FaultsOf("controllers: [nonsense]\n"
               "port_range: 9-3\n"
               "capacity: {cpus: many, memory: 8X, disk: 1}\n"
               "reserve: 200%\n"
               "statedir: /x\n"
               "tls: maybe\n"
               "edge: {envoy: {}}\n"),
      ElementsAre(
          "agent.yaml:1:15: controllers[0]: is not an address; write host:port, such as 10.0.0.1:7400",
          HasSubstr("agent.yaml:2:13: port_range: \"9-3\" is not valid; write a range"),
          HasSubstr("agent.yaml:3:18: capacity.cpus: \"many\" is not valid"),
          HasSubstr("agent.yaml:3:32: capacity.memory: \"8X\" is not valid"),
          "agent.yaml:3:36: capacity.disk: unknown key; known here: cpus, memory",
          HasSubstr("agent.yaml:4:10: reserve: \"200%\" is not valid; write 5%"),
          HasSubstr("agent.yaml:5:1: statedir: unknown key; known here: address_pool, advertise"),
          HasSubstr("agent.yaml:6:6: tls: \"maybe\" is not valid; write off, or {cert, key, ca}"),
          HasSubstr("agent.yaml:7:7: edge: names no load balancer"),
          HasSubstr("agent.yaml:7:8: edge.envoy: unknown key; known here: haproxy, nginx"),
          HasSubstr("agent.yaml: controllers: no controller is given")));
}

TEST(ConfigTest, AnAgentDrivesOneBalancer) {
  const absl::StatusOr<Config> managed = ParseConfig(
      "controllers: [localhost:1]\nedge: {nginx: {bind: 127.0.0.1, config_dir: /srv/n}}", "a", {});
  ASSERT_TRUE(managed.ok()) << managed.status();
  EXPECT_FALSE(managed->haproxy);
  EXPECT_EQ(managed->nginx->bind, "127.0.0.1");
  EXPECT_EQ(managed->nginx->config_dir, "/srv/n");
  EXPECT_EQ(managed->nginx->include_dir, "");
  const absl::StatusOr<Config> attached = ParseConfig(
      "controllers: [localhost:1]\n"
      "edge: {nginx: {include_dir: /etc/nginx/drover, pid_file: /run/n.pid, config: /etc/n.conf}}",
      "a", {});
  ASSERT_TRUE(attached.ok()) << attached.status();
  EXPECT_EQ(attached->nginx->include_dir, "/etc/nginx/drover");
  EXPECT_EQ(attached->nginx->pid_file, "/run/n.pid");
  EXPECT_EQ(attached->nginx->config, "/etc/n.conf");
  EXPECT_THAT(
      FaultsOf("controllers: [localhost:1]\nlabels: {node.platform.os: windows}"),
      ElementsAre(HasSubstr("labels.node.platform.os: names that begin with node. or engine. are taken")));
  EXPECT_THAT(FaultsOf("controllers: [localhost:1]\nedge: {nginx: {}, haproxy: {}}"),
              ElementsAre(HasSubstr("agent.yaml:2:7: edge: names two load balancers")));
  EXPECT_THAT(
      FaultsOf("controllers: [localhost:1]\nedge: {haproxy: {behind_proxy: perhaps}}"),
      ElementsAre(HasSubstr("edge.haproxy.behind_proxy: \"perhaps\" is not valid; write true or false")));
}

TEST(ConfigTest, TlsOffMustBeWrittenOutsideLoopback) {
  EXPECT_THAT(FaultsOf("controllers: [10.0.0.1:7400]"),
              ElementsAre(HasSubstr("tls: is absent, and 10.0.0.1:7400 is not on this host")));
  EXPECT_THAT(FaultsOf("controllers: [10.0.0.1:7400]\ntls: off"), ElementsAre());
  EXPECT_THAT(FaultsOf("controllers: [localhost:7400]"), ElementsAre());
}

TEST(ConfigTest, AMemberOfAClusterNeedsNeitherControllersNorCertificates) {
  Overrides overrides;
  overrides.member = true;
  overrides.join = "drv1.x@host1";
  const absl::StatusOr<Config> config = ParseConfig("", "a", overrides);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->controllers.empty());
  EXPECT_EQ(config->join, "drv1.x@host1");
  EXPECT_TRUE(ParseConfig("controllers: [10.0.0.1:7400]", "a", overrides).ok());
}

TEST(ConfigTest, BrokenYamlNamesItsPlace) {
  EXPECT_THAT(FaultsOf("a: [1, 2\nb: }"), ElementsAre(::testing::StartsWith("agent.yaml:2:")));
  EXPECT_THAT(FaultsOf("- a\n- b"), ::testing::Contains(HasSubstr("is not a map")));
}

TEST(ConfigTest, TheCommandLineWins) {
  Overrides overrides{"127.0.0.1:1,127.0.0.1:2", "/tmp/s", "n", "127.0.0.9", "haproxy", ""};
  absl::StatusOr<Config> config = ParseConfig("controllers: [10.0.0.1:7400]", "agent.yaml", overrides);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->controllers, ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_EQ(config->state_dir, "/tmp/s");
  EXPECT_EQ(config->name, "n");
  EXPECT_EQ(config->advertise_address, "127.0.0.9");
  EXPECT_TRUE(config->haproxy);
  EXPECT_THAT(FaultsOf("", Overrides{"x", "", "", "", "envoy", ""}),
              ElementsAre(HasSubstr("--controller: \"x\" is not valid"), HasSubstr("--edge: \"envoy\"")));
}

TEST(ConfigTest, MetricsAreOfferedWhereOthersCanReadThem) {
  for (const auto& [listen, advertise, address] :
       std::vector<std::array<std::string, 3>>{{"0.0.0.0:7410", "10.0.0.5", "10.0.0.5:7410"},
                                               {"[::]:7410", "fd00::5", "[fd00::5]:7410"},
                                               {"10.0.1.5:9000", "10.0.0.5", "10.0.1.5:9000"},
                                               {"127.0.0.1:7410", "10.0.0.5", ""},
                                               {"127.0.0.1:7410", "127.0.0.1", "127.0.0.1:7410"},
                                               {"", "10.0.0.5", ""}}) {
    Config config;
    config.metrics_listen = listen;
    config.advertise_address = advertise;
    EXPECT_EQ(MetricsAddress(config), address) << listen << " " << advertise;
  }
}

}  // namespace
}  // namespace drover::agent
