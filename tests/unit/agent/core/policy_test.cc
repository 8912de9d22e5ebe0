#include "agent/core/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace drover::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HostPath At(const std::string& path) { return {path, {path}}; }

Asked Web() {
  Asked asked;
  asked.image = "nginx@sha256:ab";
  asked.image_written = "nginx:1.25";
  asked.networks = {"shop_default"};
  asked.network_drivers = {""};
  return asked;
}

Asked Binding(const std::string& path, bool read_only = false) {
  Asked asked = Web();
  asked.binds = {{.source = At(path), .read_only = read_only, .propagation = ""}};
  return asked;
}

Asked Volume(std::map<std::string, std::string> options) {
  Asked asked = Web();
  AskedVolume volume{.name = "shop_data", .driver = "", .options = std::move(options), .device = {}};
  if (volume.options.contains("device")) {
    volume.device = At(volume.options["device"]);
  }
  asked.volumes = {volume};
  return asked;
}

// As the agent of a host has it, without a line of `policy:`.
Policy Default() {
  Policy policy;
  policy.guarded = {{"/var/run/docker.sock", "the engine's socket"},
                    {"/run/docker.sock", "the engine's socket"},
                    {"/srv/drover", "the agent's state"},
                    {"/etc/drover/node.key", "the agent's key"}};
  return policy;
}

// What is refused without a word in agent.yaml, and the one word that allows it.
struct Rule {
  const char* name;
  std::function<void(Asked&)> ask;
  std::function<void(Policy&)> allow;
  const char* what;  // of the refusal
  const char* key;   // of agent.yaml
};

class RuleTest : public ::testing::TestWithParam<Rule> {};

TEST_P(RuleTest, R10_4_IsRefusedByDefaultAndAllowedByItsKey) {
  Asked asked = Web();
  GetParam().ask(asked);
  Policy policy = Default();
  const std::vector<Refusal> refusals = Judge(policy, asked);
  ASSERT_EQ(refusals.size(), 1u) << RefusalText(refusals);
  EXPECT_THAT(refusals[0].what, HasSubstr(GetParam().what));
  EXPECT_EQ(refusals[0].allow, GetParam().key);
  EXPECT_THAT(RefusalText(refusals), AllOf(HasSubstr("this host refuses "), HasSubstr(GetParam().what),
                                           HasSubstr(std::string("`policy: {") + GetParam().key + "}`")));
  GetParam().allow(policy);
  EXPECT_THAT(RefusalText(Judge(policy, asked)), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, RuleTest,
    ::testing::Values(
        Rule{"privileged", [](Asked& a) { a.privileged = true; }, [](Policy& p) { p.privileged = true; },
             "a privileged container", "privileged: true"},
        Rule{"cap_add", [](Asked& a) { a.cap_add = {"cap_net_admin"}; },
             [](Policy& p) { p.capabilities.entries = {"NET_ADMIN"}; }, "the capability NET_ADMIN",
             "capabilities: [default, NET_ADMIN]"},
        Rule{"cap_all", [](Asked& a) { a.cap_add = {"ALL"}; },
             [](Policy& p) { p.capabilities.entries = {"ALL"}; }, "the capability ALL",
             "capabilities: [default, ALL]"},
        Rule{"host_network", [](Asked& a) { a.network_mode = "host"; },
             [](Policy& p) { p.host_network = true; }, "the network of the host", "host_network: true"},
        Rule{"host_network_by_name",
             [](Asked& a) {
               a.networks = {"shop_default", "host"};
             },
             [](Policy& p) { p.host_network = true; }, "the network of the host", "host_network: true"},
        Rule{"network_of_a_container", [](Asked& a) { a.network_mode = "container:db"; },
             [](Policy& p) { p.host_network = true; }, "another container", "host_network: true"},
        Rule{"pid", [](Asked& a) { a.pid = "host"; }, [](Policy& p) { p.host_pid = true; },
             "the pid mode \"host\"", "host_pid: true"},
        Rule{"pid_of_a_container", [](Asked& a) { a.pid = "container:db"; },
             [](Policy& p) { p.host_pid = true; }, "container:db", "host_pid: true"},
        Rule{"ipc", [](Asked& a) { a.ipc = "host"; }, [](Policy& p) { p.host_ipc = true; },
             "the ipc mode \"host\"", "host_ipc: true"},
        Rule{"uts", [](Asked& a) { a.uts = "host"; }, [](Policy& p) { p.host_uts = true; },
             "the uts mode \"host\"", "host_uts: true"},
        Rule{"userns", [](Asked& a) { a.userns = "host"; }, [](Policy& p) { p.host_userns = true; },
             "the userns mode \"host\"", "host_userns: true"},
        Rule{"device", [](Asked& a) { a.devices = {At("/dev/dri/card0")}; },
             [](Policy& p) { p.devices.entries = {"/dev/dri"}; }, "the device /dev/dri/card0",
             "devices: [/dev/dri/card0]"},
        Rule{"device_rule", [](Asked& a) { a.device_cgroup_rules = {"c 42:* rmw"}; },
             [](Policy& p) { p.device_cgroup_rules.entries = {"c 42:*"}; }, "c 42:* rmw",
             "device_cgroup_rules: [\"c 42:* rmw\"]"},
        Rule{"gpus", [](Asked& a) { a.gpus = true; }, [](Policy& p) { p.gpus = true; }, "GPUs", "gpus: true"},
        Rule{"seccomp", [](Asked& a) { a.security_opt = {"seccomp:unconfined"}; },
             [](Policy& p) { p.security_opt.entries = {"seccomp=unconfined"}; }, "seccomp=unconfined",
             "security_opt: [default, \"seccomp=unconfined\"]"},
        Rule{"apparmor", [](Asked& a) { a.security_opt = {"apparmor=unconfined"}; },
             [](Policy& p) { p.security_opt.entries = {"apparmor=*"}; }, "apparmor=unconfined",
             "security_opt: [default, \"apparmor=unconfined\"]"},
        Rule{"more_privileges", [](Asked& a) { a.security_opt = {"no-new-privileges:false"}; },
             [](Policy& p) { p.security_opt.entries = {"no-new-privileges=false"}; },
             "no-new-privileges=false", "security_opt: [default, \"no-new-privileges=false\"]"},
        Rule{"sysctl", [](Asked& a) { a.sysctls = {"kernel.core_pattern"}; },
             [](Policy& p) { p.sysctls.entries = {"kernel.core_pattern"}; }, "kernel.core_pattern",
             "sysctls: [default, kernel.core_pattern]"},
        Rule{"cgroup_parent", [](Asked& a) { a.cgroup_parent = "system.slice"; },
             [](Policy& p) { p.cgroup_parents.entries = {"system.slice"}; }, "system.slice",
             "cgroup_parents: [system.slice]"},
        Rule{"runtime", [](Asked& a) { a.runtime = "kata"; },
             [](Policy& p) { p.runtimes.entries = {"kata"}; }, "the runtime kata",
             "runtimes: [default, kata]"},
        Rule{"annotation", [](Asked& a) { a.annotations = {"run.oci.hooks"}; },
             [](Policy& p) { p.annotations.entries = {"run.*"}; }, "run.oci.hooks",
             "annotations: [run.oci.hooks]"},
        Rule{"volume_driver",
             [](Asked& a) { a.volumes = {{.name = "v", .driver = "rexray", .options = {}, .device = {}}}; },
             [](Policy& p) { p.volume_drivers.entries = {"rexray"}; }, "the volume driver rexray",
             "volume_drivers: [default, rexray]"},
        Rule{"network_driver", [](Asked& a) { a.network_drivers = {"macvlan"}; },
             [](Policy& p) { p.network_drivers.entries = {"macvlan"}; }, "the network driver macvlan",
             "network_drivers: [default, macvlan]"},
        Rule{"propagation",
             [](Asked& a) {
               a.binds = {{.source = At("/srv/x"), .read_only = false, .propagation = "rshared"}};
             },
             [](Policy& p) { p.bind_propagation.entries = {"rshared"}; }, "rshared",
             "bind_propagation: [default, rshared]"},
        Rule{"bind",
             [](Asked& a) { a.binds = {{.source = At("/etc/shop"), .read_only = false, .propagation = ""}}; },
             [](Policy& p) {
               p.binds = {{"/etc/shop", false}};
             },
             "the bind mount of /etc/shop", "binds: [default, /etc/shop]"},
        Rule{"bind_to_read",
             [](Asked& a) { a.binds = {{.source = At("/etc/shop"), .read_only = true, .propagation = ""}}; },
             [](Policy& p) {
               p.binds = {{"/etc/shop", true}};
             },
             "the bind mount of /etc/shop", "binds: [default, \"/etc/shop:ro\"]"},
        Rule{"docker_sock",
             [](Asked& a) {
               a.binds = {{.source = {"/var/run/docker.sock", {"/run/docker.sock"}},
                           .read_only = true,
                           .propagation = ""}};
             },
             [](Policy& p) {
               p.binds = {{"/run/docker.sock", true}};
             },
             "gives away the engine's socket", "binds: [default, \"/var/run/docker.sock:ro\"]"},
        Rule{"file", [](Asked& a) { a.files = {At("/etc/shadow")}; },
             [](Policy& p) { p.files.entries = {"/etc/shadow"}; }, "the file /etc/shadow",
             "files: [default, /etc/shadow]"},
        Rule{"own_key", [](Asked& a) { a.files = {At("/etc/drover/node.key")}; },
             [](Policy& p) { p.files.entries = {"/etc/drover/node.key"}; }, "gives away the agent's key",
             "files: [default, /etc/drover/node.key]"}),
    [](const auto& entry) { return std::string(entry.param.name); });

TEST(PolicyTest, PlainServicesNeedNoWord) {
  Asked asked = Web();
  asked.cap_add = {"NET_BIND_SERVICE", "chown"};
  asked.security_opt = {"no-new-privileges:true"};
  asked.sysctls = {"net.core.somaxconn"};
  asked.ipc = "shareable";
  asked.pid = "private";
  asked.host_ports = {80};
  asked.binds = {
      {At("/srv/media"), false, ""}, {At("/etc/localtime"), true, ""}, {At("/data"), false, "rslave"}};
  asked.files = {At("/run/secrets/db"), At("/etc/drover/shop.pem")};
  asked.volumes = {
      {"shop_data", "", {}, {}},
      {"shop_nfs", "local", {{"type", "nfs"}, {"o", "addr=10.0.0.9,rw"}, {"device", ":/media"}}, {}}};
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), IsEmpty());
}

TEST(PolicyTest, BindsByDefault) {
  for (const char* path :
       {"/srv", "/srv/media", "/data", "/mnt/nfs/shop", "/media/usb", "/opt/shop/conf", "/home/ann/shop/data",
        "/root/shop/data", "/tmp/shop", "/var/tmp/shop", "/var/www/html", "/etcetera", "/variable"}) {
    const Policy policy;
    EXPECT_THAT(RefusalText(Judge(policy, Binding(path))), IsEmpty()) << path;
  }
  for (const char* path : {"/",
                           "/etc",
                           "/etc/passwd",
                           "/proc",
                           "/proc/1/root",
                           "/sys",
                           "/sys/fs/cgroup",
                           "/dev",
                           "/dev/sda",
                           "/run",
                           "/run/docker.sock",
                           "/var/run",
                           "/var",
                           "/var/lib",
                           "/var/lib/docker",
                           "/var/lib/docker/volumes",
                           "/var/log",
                           "/var/spool/cron",
                           "/usr",
                           "/usr/bin/sudo",
                           "/bin",
                           "/lib/modules",
                           "/boot",
                           "/root",
                           "/root/.ssh",
                           "/home",
                           "/home/ann",
                           "/home/ann/.ssh/authorized_keys",
                           "/tmp",
                           "/tmp/tmux-0",
                           "/opt",
                           "/opt/containerd"}) {
    EXPECT_THAT(RefusalText(Judge(Default(), Binding(path, true))), HasSubstr("binds: [default, ")) << path;
  }
}

TEST(PolicyTest, PublicFilesMayBeReadOnly) {
  for (const char* path : {"/etc/localtime", "/etc/ssl/certs", "/usr/share/zoneinfo/Europe/Rome"}) {
    EXPECT_THAT(RefusalText(Judge(Default(), Binding(path, true))), IsEmpty()) << path;
    EXPECT_THAT(RefusalText(Judge(Default(), Binding(path, false))), HasSubstr(path)) << path;
  }
  EXPECT_THAT(RefusalText(Judge(Default(), Binding("/etc/ssl", true))), HasSubstr("/etc/ssl"))
      << "holds keys";
}

TEST(PolicyTest, AWrittenListIsAllThereIs) {
  Policy policy = Default();
  policy.bind_defaults = false;
  policy.binds = {{"/srv/media", false}, {"/etc/shop", true}};
  EXPECT_THAT(Judge(policy, Binding("/srv/media/2024")), IsEmpty());
  EXPECT_THAT(Judge(policy, Binding("/etc/shop", true)), IsEmpty());
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/etc/shop"))), HasSubstr("binds: […, /etc/shop]"));
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/srv"))), HasSubstr("/srv"));
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/data"))), HasSubstr("/data"));
  policy.binds.clear();
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/srv/media"))), HasSubstr("/srv/media")) << "none at all";
}

// The whole host is bound, as monitoring does, but not what rules it.
TEST(PolicyTest, GuardedPathsMustBeWrittenOut) {
  Policy policy;
  policy.bind_defaults = false;
  policy.binds = {{"/", true}};
  policy.guarded = {{"/run/docker.sock", "the engine's socket"}};
  EXPECT_THAT(
      RefusalText(Judge(policy, Binding("/", true))),
      AllOf(HasSubstr("gives away the engine's socket"), HasSubstr("binds: […, \"/run/docker.sock:ro\"]")));
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/run", true))), HasSubstr("the engine's socket"));
  EXPECT_THAT(RefusalText(Judge(policy, Binding("/run/docker.sock", true))),
              HasSubstr("the engine's socket"));
  EXPECT_THAT(Judge(policy, Binding("/usr", true)), IsEmpty());
  policy.binds.push_back({"/run/docker.sock", false});
  EXPECT_THAT(Judge(policy, Binding("/", true)), IsEmpty());
  EXPECT_THAT(Judge(policy, Binding("/run/docker.sock", false)), IsEmpty());
}

TEST(PolicyTest, AStateFolderInAnAllowedPlaceIsStillTheAgents) {
  EXPECT_THAT(RefusalText(Judge(Default(), Binding("/srv/drover/files"))), HasSubstr("the agent's state"));
  EXPECT_THAT(RefusalText(Judge(Default(), Binding("/srv"))), HasSubstr("the agent's state"));
  EXPECT_THAT(Judge(Default(), Binding("/srv/media")), IsEmpty());
}

TEST(PolicyTest, OnlyWhereAPathLeadsCounts) {
  Asked asked = Binding("/srv/link");
  asked.binds[0].source.real = {"/etc"};
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), HasSubstr("the bind mount of /srv/link, which is /etc"));
  asked.binds[0].source.real = {"/srv/a", "/etc"};
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), HasSubstr("/srv/link")) << "one of two readings";
  asked.binds[0].source.real = {};
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), HasSubstr("leads nowhere"));
  asked.binds[0].source = {"srv", {"/srv"}};
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), HasSubstr("leads nowhere")) << "not absolute";
  asked.binds[0].source = At("/srv/a:/etc");
  EXPECT_THAT(RefusalText(Judge(Default(), asked)), HasSubstr("leads nowhere"))
      << "the engine splits at colons";
}

TEST(PolicyTest, LocalVolumesThatMountSomething) {
  const auto refused = [](std::map<std::string, std::string> options) {
    return RefusalText(Judge(Default(), Volume(std::move(options))));
  };
  EXPECT_THAT(refused({{"type", "none"}, {"o", "bind"}, {"device", "/etc"}}),
              HasSubstr("the volume shop_data on /etc"));
  EXPECT_THAT(refused({{"type", "tmpfs"}, {"o", "size=1m,RBIND"}, {"device", "/"}}), HasSubstr("on /"));
  EXPECT_THAT(refused({{"type", "none"}, {"o", "bind"}, {"device", "/srv/media"}}), IsEmpty());
  EXPECT_THAT(refused({{"type", "none"}, {"o", "bind,rshared"}, {"device", "/srv/media"}}),
              HasSubstr("rshared"));
  EXPECT_THAT(refused({{"type", "ext4"}, {"device", "/dev/sda1"}}),
              HasSubstr("volume_types: [default, ext4]"));
  EXPECT_THAT(refused({{"type", "overlay"}, {"o", "lowerdir=/etc"}, {"device", "overlay"}}),
              HasSubstr("overlay"));
  EXPECT_THAT(refused({{"type", "cifs"}, {"o", "credentials=/etc/shadow"}, {"device", "//nas/x"}}),
              HasSubstr("cifs"));
  EXPECT_THAT(refused({{"type", "nfs"}, {"o", "addr=nas,remount"}, {"device", ":/x"}}), HasSubstr("remount"));
  EXPECT_THAT(refused({{"device", "/dev/sda1"}}), HasSubstr("type none"));
  EXPECT_THAT(refused({{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=100m"}}), IsEmpty());
}

TEST(PolicyTest, ImagesByTheNameOfWhatIsStarted) {
  Policy policy;
  policy.images = {.defaults = false, .entries = {"nginx:1.*", "reg.example.com/shop/*"}};
  const auto text = [&policy](const Asked& asked) { return RefusalText(Judge(policy, asked)); };
  Asked asked = Web();
  EXPECT_THAT(text(asked), IsEmpty()) << "the tag is that of the Compose file";
  asked.image_written = "nginx:2";
  EXPECT_THAT(text(asked), HasSubstr("the image nginx@sha256:ab"));
  asked.image = "evil/miner@sha256:ab";
  asked.image_written = "nginx:1.25";
  EXPECT_THAT(text(asked), AllOf(HasSubstr("evil/miner"), HasSubstr("images: […, docker.io/evil/miner]")));
  asked.image = "sha256:cd";
  EXPECT_THAT(text(asked), HasSubstr("the image nginx:1.25")) << "nobody knows what that is";
  asked.image_names = {"backup:1", "reg.example.com/shop/web:3"};
  EXPECT_THAT(text(asked), IsEmpty());
  asked.image_names = {"backup:1"};
  EXPECT_THAT(text(asked), HasSubstr("images"));
}

TEST(PolicyTest, OnlyImagesByDigest) {
  Policy policy;
  policy.image_digests = true;
  Asked asked = Web();
  EXPECT_THAT(Judge(policy, asked), IsEmpty());
  asked.image = "sha256:cd";
  EXPECT_THAT(Judge(policy, asked), IsEmpty());
  asked.image = "nginx:1.25";
  EXPECT_THAT(RefusalText(Judge(policy, asked)), HasSubstr("not named by its digest"));
  EXPECT_THAT(JudgeImage(policy, asked), IsEmpty()) << "looking up is how a digest is found";
}

TEST(PolicyTest, HostPorts) {
  Policy policy;
  policy.host_ports = {{80, 80}, {8000, 8999}};
  Asked asked = Web();
  asked.host_ports = {80, 8000, 8999};
  EXPECT_THAT(Judge(policy, asked), IsEmpty());
  asked.host_ports = {22};
  EXPECT_THAT(RefusalText(Judge(policy, asked)),
              AllOf(HasSubstr("the host port 22"), HasSubstr("host_ports: […, 22]")));
  asked.host_ports = {0};
  EXPECT_THAT(RefusalText(Judge(policy, asked)), HasSubstr("host_ports: […, 32768-60999]"));
  EXPECT_THAT(Judge(Policy(), asked), IsEmpty());
  asked.host_ports = {22};
  policy.host_ports.clear();
  EXPECT_THAT(RefusalText(Judge(policy, asked)), HasSubstr("host_ports: [22]"));
}

TEST(PolicyTest, FilesOfProbesAndListeners) {
  const Policy policy = Default();
  EXPECT_THAT(JudgeFile(policy, At("/etc/drover/redis.pw"), "password_file"), IsEmpty());
  EXPECT_THAT(JudgeFile(policy, At("/run/secrets/x"), "password_file"), IsEmpty());
  EXPECT_THAT(RefusalText(JudgeFile(policy, At("/etc/shadow"), "password_file")),
              AllOf(HasSubstr("password_file /etc/shadow"), HasSubstr("files: [default, /etc/shadow]")));
  EXPECT_THAT(RefusalText(JudgeFile(policy, {"/etc/drover/x", {"/etc/shadow"}}, "password_file")),
              HasSubstr("which is /etc/shadow"));
  EXPECT_THAT(JudgeFile(policy, {"../x", {}}, "password_file"), ::testing::SizeIs(1));
  EXPECT_THAT(JudgeAuthorities(policy, At("/etc/ssl/certs/ca-certificates.crt"), "ca_file"), IsEmpty());
  EXPECT_THAT(RefusalText(JudgeAuthorities(policy, At("/etc/ssl/private/x.key"), "ca_file")),
              HasSubstr("ca_file"));
}

TEST(PolicyTest, EverythingIsSaidAtOnce) {
  Asked asked = Binding("/etc");
  asked.privileged = true;
  asked.pid = "host";
  EXPECT_THAT(RefusalText(Judge(Default(), asked)),
              AllOf(HasSubstr("/etc"), HasSubstr("; a privileged container"), HasSubstr("; the pid mode")));
}

}  // namespace
}  // namespace drover::agent
