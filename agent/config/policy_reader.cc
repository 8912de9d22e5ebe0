#include "agent/config/policy_reader.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/core/host_path.h"

namespace drover::agent {
namespace {

constexpr absl::string_view kLinuxCapabilities[] = {"ALL",
                                                    "AUDIT_CONTROL",
                                                    "AUDIT_READ",
                                                    "AUDIT_WRITE",
                                                    "BLOCK_SUSPEND",
                                                    "BPF",
                                                    "CHECKPOINT_RESTORE",
                                                    "CHOWN",
                                                    "DAC_OVERRIDE",
                                                    "DAC_READ_SEARCH",
                                                    "FOWNER",
                                                    "FSETID",
                                                    "IPC_LOCK",
                                                    "IPC_OWNER",
                                                    "KILL",
                                                    "LEASE",
                                                    "LINUX_IMMUTABLE",
                                                    "MAC_ADMIN",
                                                    "MAC_OVERRIDE",
                                                    "MKNOD",
                                                    "NET_ADMIN",
                                                    "NET_BIND_SERVICE",
                                                    "NET_BROADCAST",
                                                    "NET_RAW",
                                                    "PERFMON",
                                                    "SETFCAP",
                                                    "SETGID",
                                                    "SETPCAP",
                                                    "SETUID",
                                                    "SYSLOG",
                                                    "SYS_ADMIN",
                                                    "SYS_BOOT",
                                                    "SYS_CHROOT",
                                                    "SYS_MODULE",
                                                    "SYS_NICE",
                                                    "SYS_PACCT",
                                                    "SYS_PTRACE",
                                                    "SYS_RAWIO",
                                                    "SYS_RESOURCE",
                                                    "SYS_TIME",
                                                    "SYS_TTY_CONFIG",
                                                    "WAKE_ALARM"};
constexpr absl::string_view kPropagations[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};

// Takes one entry of a list: what would be right, or empty.
using TakeEntry = std::function<std::string(const std::string&)>;

class PolicyReader {
 public:
  PolicyReader(MapReader& top, Faults& faults)
      : map_(top.Get("policy"), "policy", &faults), faults_(faults) {}

  Policy Read() {
    ReadImages();
    ReadPaths();
    ReadIsolation();
    ReadPorts();
    Flag("exec", &policy_.exec);
    map_.Finish();
    return std::move(policy_);
  }

 private:
  void Flag(const std::string& key, bool* out) {
    map_.Parsed(key, "true or false", [out](const std::string& text) {
      *out = text == "true";
      return text == "true" || text == "false" ? "" : "true or false";
    });
  }

  // The entries of a list but `default`, which is asked for with `defaults`. False: it is not there.
  bool Entries(const std::string& key, const char* example, bool* defaults, const TakeEntry& take) {
    const YAML::Node node = map_.Get(key);
    if (!node.IsDefined()) {
      return false;
    }
    if (!node.IsSequence()) {
      faults_.Add(node, map_.PathOf(key), absl::StrCat("is not a list; write `", key, ": ", example, "`"));
      return false;
    }
    *defaults = false;
    size_t at = 0;
    for (const YAML::Node& entry : node) {
      const std::string path = absl::StrCat(map_.PathOf(key), "[", at++, "]");
      if (!entry.IsScalar()) {
        faults_.Add(entry, path, absl::StrCat("is not a single value; write `", key, ": ", example, "`"));
      } else if (entry.Scalar() == "default") {
        *defaults = true;
      } else if (const std::string right = take(entry.Scalar()); !right.empty()) {
        faults_.Add(entry, path, absl::StrCat("\"", entry.Scalar(), "\" is not valid; write ", right));
      }
    }
    return true;
  }

  // A list of words or patterns; `right` says what an entry is to be, `is_right` whether it is.
  void List(const std::string& key, const char* example, AllowList* out, const char* right,
            const std::function<bool(const std::string&)>& is_right) {
    Entries(key, example, &out->defaults, [&](const std::string& text) {
      out->entries.push_back(text);
      return is_right(text) ? "" : right;
    });
  }

  void Patterns(const std::string& key, const char* example, AllowList* out) {
    List(key, example, out, "a word, or a pattern of some with `*`", [](const std::string& text) {
      return !text.empty() && text.find_first_of(" \t\r\n") == std::string::npos;
    });
  }

  void ReadImages() {
    Patterns("images", "[\"registry.example.com/shop/*\"]", &policy_.images);
    Flag("image_digests", &policy_.image_digests);
  }

  void ReadPaths() {
    Entries("binds", "[default, /etc/shop:ro]", &policy_.bind_defaults, [this](const std::string& text) {
      absl::string_view path = text;
      const bool read_only = absl::ConsumeSuffix(&path, ":ro");
      const std::optional<std::string> normal = Folder(path);
      policy_.binds.push_back({normal.value_or(""), read_only});
      return normal ? "" : "an absolute path without `*`, such as /srv, or /etc/shop:ro to be read only";
    });
    List("bind_propagation", "[default, rshared]", &policy_.bind_propagation,
         "private, rprivate, slave, rslave, shared or rshared", [](const std::string& text) {
           return std::find(std::begin(kPropagations), std::end(kPropagations), text) !=
                  std::end(kPropagations);
         });
    Entries("files", "[default, /etc/letsencrypt]", &policy_.files.defaults, [this](const std::string& text) {
      const std::optional<std::string> normal = Folder(text);
      policy_.files.entries.push_back(normal.value_or(""));
      return normal ? "" : "an absolute path without `*`, such as /etc/letsencrypt";
    });
    Patterns("volume_drivers", "[default, rexray]", &policy_.volume_drivers);
    Patterns("volume_types", "[default, cifs]", &policy_.volume_types);
    Patterns("network_drivers", "[default, macvlan]", &policy_.network_drivers);
  }

  static std::optional<std::string> Folder(absl::string_view path) {
    return path.find_first_of("*?:") == absl::string_view::npos ? NormalPath(path) : std::nullopt;
  }

  void ReadIsolation() {
    Flag("privileged", &policy_.privileged);
    Entries("capabilities", "[NET_ADMIN]", &policy_.capabilities.defaults, [this](const std::string& text) {
      const std::string upper = absl::AsciiStrToUpper(text);
      const std::string name(absl::StripPrefix(upper, "CAP_"));
      policy_.capabilities.entries.push_back(name);
      return std::find(std::begin(kLinuxCapabilities), std::end(kLinuxCapabilities), name) !=
                     std::end(kLinuxCapabilities)
                 ? ""
                 : "a capability of Linux, such as NET_ADMIN, or ALL";
    });
    Flag("host_network", &policy_.host_network);
    Flag("host_pid", &policy_.host_pid);
    Flag("host_ipc", &policy_.host_ipc);
    Flag("host_uts", &policy_.host_uts);
    Flag("host_userns", &policy_.host_userns);
    Patterns("devices", "[/dev/dri]", &policy_.devices);
    List("device_cgroup_rules", "[\"c 42:* rmw\"]", &policy_.device_cgroup_rules,
         "a rule such as \"c 42:* rmw\"", [](const std::string& text) { return !text.empty(); });
    Flag("gpus", &policy_.gpus);
    Patterns("security_opt", "[default, \"apparmor=*\"]", &policy_.security_opt);
    Patterns("sysctls", "[net.core.somaxconn]", &policy_.sysctls);
    Patterns("cgroup_parents", "[/batch]", &policy_.cgroup_parents);
    Patterns("runtimes", "[default, runsc]", &policy_.runtimes);
    Patterns("annotations", "[\"org.example.*\"]", &policy_.annotations);
  }

  void ReadPorts() {
    std::vector<PortRange> ranges;
    bool every_port = true;
    const bool written =
        Entries("host_ports", "[80, 8000-8999]", &every_port, [&ranges](const std::string& text) {
          const std::vector<std::string> ends = absl::StrSplit(text, '-');
          PortRange range;
          const bool numbers = ends.size() <= 2 && absl::SimpleAtoi(ends.front(), &range.first) &&
                               absl::SimpleAtoi(ends.back(), &range.last);
          ranges.push_back(range);
          return numbers && range.first > 0 && range.first <= range.last && range.last <= 65535
                     ? ""
                     : "a port or a range, such as 80 or 8000-8999, within 1-65535";
        });
    if (written && !every_port) {
      policy_.host_ports = std::move(ranges);
    }
  }

  MapReader map_;
  Faults& faults_;
  Policy policy_;
};

}  // namespace

Policy ReadPolicy(MapReader& top, Faults& faults) { return PolicyReader(top, faults).Read(); }

}  // namespace drover::agent
