#include "agent/runtime/host_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "agent/runtime/policy_review.h"

namespace drover::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class HostPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/drover-host-policy-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = fs::canonical(pattern).string();
    service_.set_stack("shop");
    service_.set_service("web");
    service_.set_spec_hash("s1");
    service_.mutable_container()->set_image("nginx:1.25");
    service_.mutable_container()->set_image_id("nginx@sha256:ab");
  }

  void TearDown() override { fs::remove_all(dir_); }

  // Of MayRun; empty: allowed.
  std::string Refusal(const std::vector<PublishedPort>& published = {}) {
    const HostPolicy policy(policy_, {20000, 29999}, &engine_);
    const absl::Status allowed = policy.MayRun(service_, service_.container().image_id(), published);
    EXPECT_TRUE(allowed.ok() || absl::IsPermissionDenied(allowed)) << allowed;
    return std::string(allowed.message());
  }

  v1::Mount& Bind(const std::string& source) {
    v1::Mount& mount = *service_.mutable_container()->add_mounts();
    mount.set_type(v1::Mount::BIND);
    mount.set_source(source);
    mount.set_target("/x");
    return mount;
  }

  std::string dir_;
  Policy policy_;
  v1::ServiceContext service_;
  docker::Client engine_{"/nowhere/docker.sock"};
};

// What each field of a container's specification says to the host. A new field must be put into one of the
// two.
TEST_F(HostPolicyTest, R10_4_EveryFieldIsJudgedOrHarmless) {
  const std::set<std::string> judged = {"image",
                                        "image_id",
                                        "mounts",
                                        "networks",
                                        "network_mode",
                                        "cap_add",
                                        "security_opt",
                                        "privileged",
                                        "devices",
                                        "device_cgroup_rules",
                                        "sysctls",
                                        "ipc",
                                        "pid",
                                        "uts",
                                        "userns_mode",
                                        "cgroup_parent",
                                        "runtime",
                                        "annotations",
                                        "device_requests"};
  // Of the process in its container, its name, its resources, or of Drover itself. `files` are judged in
  // ServiceContext.files.
  const std::set<std::string> harmless = {"command",
                                          "command_set",
                                          "entrypoint",
                                          "entrypoint_set",
                                          "environment",
                                          "working_dir",
                                          "user",
                                          "hostname",
                                          "domainname",
                                          "container_name",
                                          "labels",
                                          "tmpfs",
                                          "expose",
                                          "healthcheck",
                                          "stop_signal",
                                          "stop_grace_period",
                                          "cap_drop",
                                          "read_only",
                                          "init",
                                          "tty",
                                          "stdin_open",
                                          "group_add",
                                          "ulimits",
                                          "extra_hosts",
                                          "dns",
                                          "dns_search",
                                          "dns_opt",
                                          "shm_size_bytes",
                                          "limit_cpu_milli",
                                          "limit_memory_bytes",
                                          "memory_swap_bytes",
                                          "limit_pids",
                                          "cpu_shares",
                                          "cpuset",
                                          "oom_score_adj",
                                          "oom_kill_disable",
                                          "platform",
                                          "log_driver",
                                          "log_options",
                                          "pull_policy",
                                          "files",
                                          "storage_opt",
                                          "memory_reservation_bytes",
                                          "pre_stop",
                                          "post_start",
                                          "isolation",
                                          "cpu_quota_us",
                                          "cpu_period_us"};
  const google::protobuf::Descriptor& spec = *v1::ContainerSpec::descriptor();
  for (int i = 0; i < spec.field_count(); ++i) {
    const std::string name = spec.field(i)->name();
    EXPECT_EQ(judged.contains(name) + harmless.contains(name), 1) << name;
  }
}

TEST_F(HostPolicyTest, R10_4_WhatTheWireAsksReachesTheRules) {
  struct Case {
    std::function<void(v1::ServiceContext&)> ask;
    const char* key;
  };

  const v1::ServiceContext plain = service_;
  for (const Case& one : std::vector<Case>{
           {[](auto& s) { s.mutable_container()->set_privileged(true); }, "privileged"},
           {[](auto& s) { s.mutable_container()->add_cap_add("SYS_ADMIN"); }, "capabilities"},
           {[](auto& s) { s.mutable_container()->set_network_mode("host"); }, "host_network"},
           {[](auto& s) { s.mutable_container()->add_networks()->set_network("host"); }, "host_network"},
           {[](auto& s) { s.add_networks()->set_driver("macvlan"); }, "network_drivers"},
           {[](auto& s) { s.mutable_container()->set_pid("host"); }, "host_pid"},
           {[](auto& s) { s.mutable_container()->set_ipc("host"); }, "host_ipc"},
           {[](auto& s) { s.mutable_container()->set_uts("host"); }, "host_uts"},
           {[](auto& s) { s.mutable_container()->set_userns_mode("host"); }, "host_userns"},
           {[](auto& s) { s.mutable_container()->add_devices()->set_host_path("/dev/sda"); }, "devices"},
           {[](auto& s) { s.mutable_container()->add_device_cgroup_rules("b *:* rwm"); },
            "device_cgroup_rules"},
           {[](auto& s) { s.mutable_container()->add_device_requests()->set_count(-1); }, "gpus"},
           {[](auto& s) { s.mutable_container()->add_security_opt("seccomp=unconfined"); }, "security_opt"},
           {[](auto& s) { (*s.mutable_container()->mutable_sysctls())["kernel.panic"] = "1"; }, "sysctls"},
           {[](auto& s) { s.mutable_container()->set_cgroup_parent("/"); }, "cgroup_parents"},
           {[](auto& s) { s.mutable_container()->set_runtime("other"); }, "runtimes"},
           {[](auto& s) { (*s.mutable_container()->mutable_annotations())["a"] = "b"; }, "annotations"},
           {[](auto& s) { s.add_volumes()->set_driver("other"); }, "volume_drivers"},
           {[](auto& s) {
              v1::VolumeSpec& volume = *s.add_volumes();
              (*volume.mutable_driver_opts())["type"] = "none";
              (*volume.mutable_driver_opts())["o"] = "bind";
              (*volume.mutable_driver_opts())["device"] = "/etc";
            },
            "binds"},
           {[](auto& s) {
              v1::Mount& mount = *s.mutable_container()->add_mounts();
              mount.set_type(v1::Mount::VOLUME);
              mount.set_source("/etc");
            },
            "binds"},
           {[](auto& s) { s.add_files()->set_node_path("/etc/shadow"); }, "files"}}) {
    service_ = plain;
    one.ask(service_);
    EXPECT_THAT(Refusal(),
                AllOf(HasSubstr("this host refuses "), HasSubstr(std::string("{") + one.key + ": ")));
  }
  service_ = plain;
  EXPECT_EQ(Refusal(), "");
}

TEST_F(HostPolicyTest, SymlinksAndDotsLeadNowhereElse) {
  fs::create_directory(dir_ + "/data");
  fs::create_directory_symlink("/etc", dir_ + "/link");
  fs::create_directory_symlink(dir_ + "/data", dir_ + "/fine");
  const std::string up = "/../../../../../..";
  for (const std::string& path :
       {dir_ + "/link", dir_ + "/link/passwd", dir_ + up + "/etc", dir_ + "/data" + up,
        dir_ + "/link/../root/.ssh", std::string("//etc"), std::string("/./etc/.")}) {
    service_.mutable_container()->clear_mounts();
    Bind(path);
    EXPECT_THAT(Refusal(), HasSubstr("the bind mount of ")) << path;
  }
  for (const std::string& path : {dir_ + "/data", dir_ + "/fine/x", dir_ + "/data/../data", dir_ + "/new"}) {
    service_.mutable_container()->clear_mounts();
    Bind(path);
    EXPECT_EQ(Refusal(), "") << path;
  }
}

TEST_F(HostPolicyTest, RulesMayNameSymlinks) {
  fs::create_directories(dir_ + "/real/certs");
  fs::create_directory_symlink(dir_ + "/real", dir_ + "/named");
  policy_.bind_defaults = false;
  policy_.binds = {{dir_ + "/named", false}};
  Bind(dir_ + "/named/certs");
  EXPECT_EQ(Refusal(), "");
  policy_.guarded = {{dir_ + "/named/certs", "the agent's key"}};
  EXPECT_THAT(Refusal(), HasSubstr("the agent's key"));
}

TEST_F(HostPolicyTest, ExternalVolumesAreTheHostsOwn) {
  v1::VolumeSpec& volume = *service_.add_volumes();
  volume.set_external(true);
  volume.set_driver("rexray");
  EXPECT_EQ(Refusal(), "");
}

TEST_F(HostPolicyTest, PortsOfTheAgentsRangeAreItsOwn) {
  policy_.host_ports = {{80, 80}};
  v1::PortSpec& port = *service_.add_host_ports();
  port.set_published(80);
  EXPECT_EQ(Refusal({{8000, 20000}}), "");
  EXPECT_THAT(Refusal({{8000, 22}}), HasSubstr("host port 22"));
  port.set_published(443);
  EXPECT_THAT(Refusal(), HasSubstr("host port 443"));
}

TEST_F(HostPolicyTest, AnImageByItsIdWaitsForTheEngine) {
  policy_.images = {.defaults = false, .entries = {"nginx"}};
  const HostPolicy policy(policy_, {20000, 29999}, &engine_);
  EXPECT_TRUE(policy.MayRun(service_, "nginx@sha256:ab", {}).ok());
  const absl::Status away = policy.MayRun(service_, "sha256:ab", {});
  EXPECT_TRUE(absl::IsUnavailable(away)) << away << ": no refusal, which would be final";
  EXPECT_TRUE(policy.MayPull("nginx:1.25").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(policy.MayPull("evil/miner")));
}

TEST_F(HostPolicyTest, FilesOfProbesAndCertificates) {
  fs::create_symlink("/etc/shadow", dir_ + "/password");
  const HostPolicy strict(policy_, {20000, 29999}, &engine_);
  v1::QueueSpec queue;
  EXPECT_TRUE(strict.MayProbe(queue).ok());
  queue.set_password_file("/etc/drover/redis.pw");
  queue.set_ca_file("/etc/ssl/certs/ca-certificates.crt");
  EXPECT_TRUE(strict.MayProbe(queue).ok()) << strict.MayProbe(queue);
  queue.set_password_file(dir_ + "/password");
  EXPECT_THAT(std::string(strict.MayProbe(queue).message()),
              AllOf(HasSubstr("password_file"), HasSubstr("/etc/shadow"), HasSubstr("{files: [default, ")));
  queue.clear_password_file();
  queue.set_bearer_token_file("/etc/drover/../shadow");
  EXPECT_THAT(std::string(strict.MayProbe(queue).message()), HasSubstr("bearer_token_file"));
  EXPECT_TRUE(strict.MayServe("/etc/drover/shop.pem").ok());
  EXPECT_THAT(std::string(strict.MayServe("/srv/shop.pem").message()),
              HasSubstr("the certificate /srv/shop.pem"));
  policy_.files.entries = {dir_};
  const HostPolicy wide(policy_, {20000, 29999}, &engine_);
  EXPECT_TRUE(wide.MayServe(dir_ + "/shop.pem").ok());
  queue.set_bearer_token_file(dir_ + "/password");
  EXPECT_FALSE(wide.MayProbe(queue).ok()) << "it leads out of the folder";
}

TEST_F(HostPolicyTest, Exec) {
  EXPECT_TRUE(HostPolicy(policy_, {1, 2}, &engine_).MayExec().ok());
  policy_.exec = false;
  EXPECT_THAT(std::string(HostPolicy(policy_, {1, 2}, &engine_).MayExec().message()),
              HasSubstr("exec: true"));
}

// It goes on, and people are told once.
TEST_F(HostPolicyTest, R10_4_WhatRunsAgainstAStricterPolicyIsNamed) {
  service_.mutable_container()->set_privileged(true);
  Snapshot snapshot;
  snapshot.services["s1"] = std::make_shared<v1::ServiceContext>(service_);
  for (const auto& [id, state] : std::vector<std::pair<uint64_t, ReplicaState>>{
           {1, ReplicaState::kReady}, {2, ReplicaState::kRunning}, {3, ReplicaState::kFailed}}) {
    ReplicaStatus& status = snapshot.replicas.emplace_back();
    status.id = ReplicaId(id);
    status.state = state;
    status.spec_hash = "s1";
    snapshot.published[status.id] = {};
  }
  const HostPolicy policy(policy_, {20000, 29999}, &engine_);
  Calls calls;
  std::vector<Notice> notices;
  {
    PolicyReview review(&policy, &calls, [&](Notice notice) { notices.push_back(std::move(notice)); });
    review.See(std::make_shared<Snapshot>(snapshot));  // nothing is known yet
    snapshot.known = true;
    review.See(std::make_shared<Snapshot>(snapshot));
    review.See(std::make_shared<Snapshot>(snapshot));
  }
  ASSERT_EQ(notices.size(), 2u) << "the failed one does not run";
  EXPECT_EQ(notices[0].reason, "RunsAgainstPolicy");
  EXPECT_EQ(notices[0].replica, ReplicaId(1));
  EXPECT_THAT(notices[0].message, AllOf(HasSubstr("shop/web runs on"), HasSubstr("privileged: true")));
}

}  // namespace
}  // namespace drover::agent
