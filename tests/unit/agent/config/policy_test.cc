#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/config/config.h"

namespace drover::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Config> ConfigWith(const std::string& policy) {
  return ParseConfig("controllers: [127.0.0.1:7400]\n" + policy, "agent.yaml", {});
}

std::vector<std::string> FaultsIn(const std::string& policy) {
  const absl::StatusOr<Config> config = ConfigWith(policy);
  return config.ok() ? std::vector<std::string>()
                     : std::vector<std::string>(absl::StrSplit(std::string(config.status().message()), '\n'));
}

TEST(PolicyConfigTest, R10_4_NothingWrittenIsTheSafeDefault) {
  absl::StatusOr<Config> config = ConfigWith("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->policy.guarded, Contains(GuardedPath{"/var/lib/drover-agent", "the agent's state"}));
  EXPECT_THAT(config->policy.guarded, Contains(GuardedPath{"/var/run/docker.sock", "the engine's socket"}));
  config->policy.guarded.clear();
  EXPECT_EQ(config->policy, Policy());
}

TEST(PolicyConfigTest, EverythingWritten) {
  const absl::StatusOr<Config> config = ConfigWith(R"(
policy:
  images: ["registry.example.com/shop/*", nginx]
  image_digests: true
  binds: [default, /srv//media/, /etc/shop:ro]
  bind_propagation: [rshared]
  files: [default, /etc/letsencrypt]
  volume_drivers: [local, rexray]
  volume_types: [default, cifs]
  network_drivers: [bridge]
  privileged: true
  capabilities: [net_admin, CAP_SYS_PTRACE]
  host_network: true
  host_pid: true
  host_ipc: true
  host_uts: true
  host_userns: true
  devices: [/dev/dri, "/dev/ttyUSB*"]
  device_cgroup_rules: ["c 42:* rmw"]
  gpus: true
  security_opt: [default, "seccomp=unconfined"]
  sysctls: [net.core.somaxconn]
  cgroup_parents: [/batch]
  runtimes: [runsc]
  annotations: ["org.example.*"]
  host_ports: [80, 8000-8999]
  exec: false
)");
  ASSERT_TRUE(config.ok()) << config.status();
  const Policy& policy = config->policy;
  EXPECT_EQ(policy.images, (AllowList{false, {"registry.example.com/shop/*", "nginx"}}));
  EXPECT_TRUE(policy.bind_defaults);
  EXPECT_THAT(policy.binds, ElementsAre(AllowedPath{"/srv/media", false}, AllowedPath{"/etc/shop", true}));
  EXPECT_EQ(policy.bind_propagation, (AllowList{false, {"rshared"}}));
  EXPECT_EQ(policy.files, (AllowList{true, {"/etc/letsencrypt"}}));
  EXPECT_EQ(policy.volume_types, (AllowList{true, {"cifs"}}));
  EXPECT_EQ(policy.capabilities, (AllowList{false, {"NET_ADMIN", "SYS_PTRACE"}}));
  EXPECT_EQ(policy.devices, (AllowList{false, {"/dev/dri", "/dev/ttyUSB*"}}));
  EXPECT_EQ(policy.device_cgroup_rules, (AllowList{false, {"c 42:* rmw"}}));
  EXPECT_THAT(policy.host_ports, ElementsAre(PortRange{80, 80}, PortRange{8000, 8999}));
  EXPECT_TRUE(policy.image_digests && policy.privileged && policy.host_network && policy.host_pid &&
              policy.host_ipc && policy.host_uts && policy.host_userns && policy.gpus);
  EXPECT_FALSE(policy.exec);
}

// What stands in the example is the default.
TEST(PolicyConfigTest, TheExampleSaysWhatIsDefault) {
  std::ifstream file("deploy/config/agent.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const absl::StatusOr<Config> example = ParseConfig(text.str(), "agent.yaml", {});
  ASSERT_TRUE(example.ok()) << example.status();
  Policy policy = example->policy;
  for (AllowList* none :
       {&policy.devices, &policy.device_cgroup_rules, &policy.cgroup_parents, &policy.annotations}) {
    EXPECT_EQ(*none, (AllowList{false, {}})) << "nothing is built in";
    *none = AllowList();
  }
  EXPECT_EQ(policy, ConfigWith("")->policy);
}

TEST(PolicyConfigTest, AnEmptyListAllowsNothing) {
  const absl::StatusOr<Config> config = ConfigWith("policy: {binds: [], host_ports: []}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->policy.bind_defaults);
  EXPECT_THAT(config->policy.host_ports, IsEmpty());
  EXPECT_THAT(ConfigWith("policy: {host_ports: [default]}")->policy.host_ports,
              ElementsAre(PortRange{1, 65535}));
}

TEST(PolicyConfigTest, FaultsHaveTheirPlaceAndWhatWouldBeRight) {
  EXPECT_THAT(
      FaultsIn("policy:\n"
               "  binds: [srv, /etc/*, {a: b}]\n"
               "  files: /etc/drover\n"
               "  privileged: perhaps\n"
               "  capabilities: [NET_ADMN]\n"
               "  host_ports: [70000, 9-3, x]\n"
               "  bind_propagation: [everywhere]\n"
               "  images: [\"a b\"]\n"
               "  priviledged: true\n"),
      ElementsAre(
          HasSubstr("agent.yaml:3:11: policy.binds[0]: \"srv\" is not valid; write an absolute path"),
          HasSubstr(
              "agent.yaml:3:16: policy.binds[1]: \"/etc/*\" is not valid; write an absolute path without"),
          HasSubstr("agent.yaml:3:24: policy.binds[2]: is not a single value"),
          HasSubstr(
              "agent.yaml:4:10: policy.files: is not a list; write `files: [default, /etc/letsencrypt]`"),
          HasSubstr("agent.yaml:5:15: policy.privileged: \"perhaps\" is not valid; write true or false"),
          HasSubstr("agent.yaml:6:18: policy.capabilities[0]: \"NET_ADMN\" is not valid; write a capability"),
          HasSubstr("agent.yaml:7:16: policy.host_ports[0]: \"70000\" is not valid; write a port or a range"),
          HasSubstr("agent.yaml:7:23: policy.host_ports[1]: \"9-3\""),
          HasSubstr("agent.yaml:7:28: policy.host_ports[2]: \"x\""),
          HasSubstr(
              "agent.yaml:8:22: policy.bind_propagation[0]: \"everywhere\" is not valid; write private"),
          HasSubstr("agent.yaml:9:12: policy.images[0]: \"a b\" is not valid"),
          HasSubstr("agent.yaml:10:3: policy.priviledged: unknown key; known here: annotations, bind")));
  EXPECT_THAT(FaultsIn("policy: strict"), ElementsAre(HasSubstr("agent.yaml:2:9: policy: is not a map")));
}

TEST(PolicyConfigTest, WhatIsTheAgentsOwnIsGuarded) {
  const absl::StatusOr<Config> config = ConfigWith(
      "state_dir: /srv/drover/\n"
      "docker: {socket: /run/d.sock}\n"
      "registries: {r.example.com: {username: u, password_file: /etc/drover/r.pw}}\n"
      "tls: {cert: /etc/drover/n.pem, key: /etc/drover/n.key, ca: /etc/drover/ca.pem}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  std::vector<std::string> paths;
  for (const GuardedPath& guarded : config->policy.guarded) {
    paths.push_back(guarded.path);
  }
  for (const char* path : {"/srv/drover", "/run/d.sock", "/etc/drover/r.pw", "/etc/drover/n.key",
                           "/root/.docker/config.json", "/run/containerd/containerd.sock"}) {
    EXPECT_THAT(paths, Contains(path));
  }
}

}  // namespace
}  // namespace drover::agent
