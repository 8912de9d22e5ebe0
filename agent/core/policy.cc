#include "agent/core/policy.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "agent/core/host_path.h"
#include "agent/core/image_name.h"
#include "agent/core/policy_rules.h"

namespace drover::agent {
namespace {

constexpr absl::string_view kNetworkDrivers[] = {"bridge", "overlay"};
// What the engine gives every container anyway.
constexpr absl::string_view kCapabilities[] = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER", "FSETID",  "KILL",   "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",      "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"};
constexpr absl::string_view kSecurityOpt[] = {"no-new-privileges", "no-new-privileges=true",
                                              "apparmor=docker-default", "seccomp=builtin"};
// Those that belong to the container's own name spaces.
constexpr absl::string_view kSysctls[] = {"net.*", "kernel.msg*", "kernel.sem", "kernel.shm*", "fs.mqueue.*"};
constexpr PortRange kEphemeralPorts{32768, 60999};  // Linux' own choice
constexpr absl::string_view kRuntimes[] = {"runc", "io.containerd.runc.v2"};

std::string CapabilityName(absl::string_view written) {
  std::string name = absl::AsciiStrToUpper(written);
  return std::string(absl::StripPrefix(name, "CAP_"));
}

// The engine takes both "seccomp:unconfined" and "seccomp=unconfined".
std::string SecurityOption(absl::string_view written) {
  const size_t colon = written.find(':');
  if (absl::StrContains(written, "=") || colon == absl::string_view::npos) {
    return std::string(written);
  }
  return absl::StrCat(written.substr(0, colon), "=", written.substr(colon + 1));
}

// The name space of the host, or of another container, which may be any container there is.
bool IsShared(absl::string_view mode) {
  return mode == "host" || absl::StartsWith(mode, "container:") || absl::StartsWith(mode, "service:");
}

void JudgeFlag(bool allowed, bool asked, absl::string_view what, absl::string_view key,
               std::vector<Refusal>& out) {
  if (asked && !allowed) {
    out.push_back({std::string(what), absl::StrCat(key, ": true")});
  }
}

void JudgeNameSpaces(const Policy& policy, const Asked& asked, std::vector<Refusal>& out) {
  bool host_network = IsShared(asked.network_mode);
  for (const std::string& network : asked.networks) {
    host_network |= IsShared(network);
  }
  const auto flag = [&out](bool allowed, absl::string_view mode, absl::string_view what,
                           absl::string_view key) {
    JudgeFlag(allowed, IsShared(mode), absl::StrCat(what, " \"", mode, "\""), key, out);
  };
  JudgeFlag(policy.host_network, host_network, "the network of the host or of another container",
            "host_network", out);
  flag(policy.host_pid, asked.pid, "the pid mode", "host_pid");
  flag(policy.host_ipc, asked.ipc, "the ipc mode", "host_ipc");
  flag(policy.host_uts, asked.uts, "the uts mode", "host_uts");
  flag(policy.host_userns, asked.userns, "the userns mode", "host_userns");
  for (const std::string& driver : asked.network_drivers) {
    JudgeValue(policy.network_drivers, kNetworkDrivers, "network_drivers", "the network driver",
               driver.empty() ? "bridge" : driver, out);
  }
}

void JudgeCapabilities(const Policy& policy, const Asked& asked, std::vector<Refusal>& out) {
  // Docker's own set goes without saying, whatever the list is.
  AllowList allowed = policy.capabilities;
  allowed.defaults = true;
  const bool all = std::find(allowed.entries.begin(), allowed.entries.end(), "ALL") != allowed.entries.end();
  for (const std::string& written : asked.cap_add) {
    if (!all) {
      JudgeValue(allowed, kCapabilities, "capabilities", "the capability", CapabilityName(written), out);
    }
  }
}

void JudgeIsolation(const Policy& policy, const Asked& asked, std::vector<Refusal>& out) {
  JudgeFlag(policy.privileged, asked.privileged, "a privileged container", "privileged", out);
  JudgeCapabilities(policy, asked, out);
  for (const std::string& option : asked.security_opt) {
    JudgeValue(policy.security_opt, kSecurityOpt, "security_opt", "the security option",
               SecurityOption(option), out);
  }
  for (const std::string& name : asked.sysctls) {
    JudgeValue(policy.sysctls, kSysctls, "sysctls", "the sysctl", name, out);
  }
  for (const std::string& rule : asked.device_cgroup_rules) {
    JudgeValue(policy.device_cgroup_rules, {}, "device_cgroup_rules", "the device rule", rule, out);
  }
  JudgeFlag(policy.gpus, asked.gpus, "a request for GPUs or the like", "gpus", out);
  if (!asked.cgroup_parent.empty()) {
    JudgeValue(policy.cgroup_parents, {}, "cgroup_parents", "the cgroup parent", asked.cgroup_parent, out);
  }
  if (!asked.runtime.empty()) {
    JudgeValue(policy.runtimes, kRuntimes, "runtimes", "the runtime", asked.runtime, out);
  }
  for (const std::string& name : asked.annotations) {
    JudgeValue(policy.annotations, {}, "annotations", "the annotation", name, out);
  }
}

void JudgePorts(const Policy& policy, const Asked& asked, std::vector<Refusal>& out) {
  for (const uint32_t port : asked.host_ports) {
    // The engine takes a free one where none is written.
    const PortRange asked_for = port == 0 ? kEphemeralPorts : PortRange{port, port};
    const auto holds = [&](const PortRange& range) {
      return range.first <= asked_for.first && asked_for.last <= range.last;
    };
    if (std::none_of(policy.host_ports.begin(), policy.host_ports.end(), holds)) {
      const std::string text =
          port == 0 ? absl::StrCat(asked_for.first, "-", asked_for.last) : absl::StrCat(port);
      out.push_back({absl::StrCat(port == 0 ? "any host port of " : "the host port ", text),
                     absl::StrCat("host_ports: [", policy.host_ports.empty() ? "" : "…, ", text, "]")});
    }
  }
}

// The name by which an image is judged. One that is resolved to its content has lost its tag (R9.1).
ImageName NameOf(const Asked& asked) {
  ImageName name = ParseImageName(asked.image);
  const ImageName written = ParseImageName(asked.image_written);
  if (name.tag.empty() && name.repository == written.repository) {
    name.tag = written.tag.empty() && written.digest.empty() ? "latest" : written.tag;
  }
  return name;
}

bool CoversImage(const AllowList& list, const ImageName& name) {
  return list.defaults ||
         std::any_of(list.entries.begin(), list.entries.end(),
                     [&](const std::string& pattern) { return MatchesImage(name, pattern); });
}

bool AllowsImage(const Policy& policy, const Asked& asked) {
  if (!IsImageId(asked.image)) {
    return CoversImage(policy.images, NameOf(asked));
  }
  return policy.images.defaults ||
         std::any_of(asked.image_names.begin(), asked.image_names.end(), [&](const std::string& name) {
           return CoversImage(policy.images, ParseImageName(name));
         });
}

std::string Quoted(absl::string_view value) {
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("/._-", absl::string_view(&c, 1));
  });
  return plain && !value.empty() ? std::string(value) : absl::StrCat("\"", value, "\"");
}

}  // namespace

bool Allows(const AllowList& list, BuiltIn built_in, absl::string_view value) {
  const auto covers = [value](absl::string_view pattern) { return MatchesGlob(value, pattern); };
  return (list.defaults && std::any_of(built_in.begin(), built_in.end(), covers)) ||
         std::any_of(list.entries.begin(), list.entries.end(), covers);
}

std::string Advice(absl::string_view key, const AllowList& list, bool has_built_in,
                   const std::vector<std::string>& values) {
  const bool written = !list.defaults || !list.entries.empty();
  return absl::StrCat(
      key, ": [",
      written        ? "…, "
      : has_built_in ? "default, "
                     : "",
      absl::StrJoin(values, ", ", [](std::string* out, const std::string& value) { *out += Quoted(value); }),
      "]");
}

void JudgeValue(const AllowList& list, BuiltIn built_in, absl::string_view key, absl::string_view what,
                absl::string_view value, std::vector<Refusal>& out) {
  if (!Allows(list, built_in, value)) {
    out.push_back(
        {absl::StrCat(what, " ", value), Advice(key, list, !built_in.empty(), {std::string(value)})});
  }
}

std::vector<Refusal> JudgeImage(const Policy& policy, const Asked& asked) {
  std::vector<Refusal> out;
  if (!AllowsImage(policy, asked)) {
    const std::string& shown =
        IsImageId(asked.image) && !asked.image_written.empty() ? asked.image_written : asked.image;
    out.push_back({absl::StrCat("the image ", shown),
                   Advice("images", policy.images, false, {ParseImageName(shown).repository})});
  }
  return out;
}

std::vector<Refusal> Judge(const Policy& policy, const Asked& asked) {
  std::vector<Refusal> out = JudgeImage(policy, asked);
  const bool by_content = IsImageId(asked.image) || !ParseImageName(asked.image).digest.empty();
  if (policy.image_digests && !by_content) {
    out.push_back({absl::StrCat("the image ", asked.image, ", which is not named by its digest"),
                   "image_digests: false"});
  }
  JudgePaths(policy, asked, out);
  JudgeNameSpaces(policy, asked, out);
  JudgeIsolation(policy, asked, out);
  JudgePorts(policy, asked, out);
  return out;
}

std::string RefusalText(const std::vector<Refusal>& refusals) {
  if (refusals.empty()) {
    return "";
  }
  return absl::StrCat(
      "this host refuses ", absl::StrJoin(refusals, "; ", [](std::string* out, const Refusal& refusal) {
        absl::StrAppend(out, refusal.what, " (agent.yaml there: `policy: {", refusal.allow, "}` allows it)");
      }));
}

}  // namespace drover::agent
