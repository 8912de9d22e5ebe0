// The rules about paths of the host. Only where a path really leads counts, never how it is written.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/core/host_path.h"
#include "agent/core/policy_rules.h"

namespace drover::agent {
namespace {

// Root's own, or what runs with root's rights reads or starts: whoever writes there owns the host.
constexpr absl::string_view kSystemPlaces[] = {
    "/.*", "/bin", "/boot", "/cgroup", "/dev", "/efi", "/etc", "/gnu", "/initrd*", "/lib", "/lib32", "/lib64",
    "/libx32", "/lost+found", "/nix", "/ostree", "/proc", "/run", "/sbin", "/selinux", "/snap", "/sys",
    "/sysroot", "/usr", "/vmlinuz*",
    // below /var, where much else lies
    "/var/.*", "/var/account", "/var/backups", "/var/cache", "/var/crash", "/var/cron", "/var/db",
    "/var/empty", "/var/lib", "/var/lock", "/var/log", "/var/mail", "/var/run", "/var/snap", "/var/spool",
    // programs of the engine's
    "/opt/cni", "/opt/containerd",
    // keys and settings of people
    "/home/*/.*", "/root/.*",
    // sockets of terminals and agents, and what services keep for themselves
    "/tmp/.*", "/tmp/ssh-*", "/tmp/systemd-private-*", "/tmp/tmux-*", "/var/tmp/.*",
    "/var/tmp/systemd-private-*"};
// Of system places, what containers commonly read and everybody may.
constexpr absl::string_view kPublicPlaces[] = {"/etc/localtime",
                                               "/etc/timezone",
                                               "/etc/ssl/certs",
                                               "/etc/pki/tls/certs",
                                               "/etc/pki/ca-trust/extracted",
                                               "/usr/local/share/ca-certificates",
                                               "/usr/share/ca-certificates",
                                               "/usr/share/zoneinfo"};
constexpr absl::string_view kAuthorities[] = {"/etc/ca-certificates",
                                              "/etc/pki/ca-trust",
                                              "/etc/pki/tls/certs",
                                              "/etc/ssl/certs",
                                              "/usr/local/share/ca-certificates",
                                              "/usr/share/ca-certificates"};
constexpr absl::string_view kFiles[] = {"/etc/drover", "/run/secrets"};
// Without those that spread mounts of the container to the host.
constexpr absl::string_view kPropagation[] = {"private", "rprivate", "slave", "rslave"};
constexpr absl::string_view kVolumeDrivers[] = {"local"};
constexpr absl::string_view kVolumeTypes[] = {"tmpfs", "nfs", "nfs4"};

template <typename Paths>
bool IsWithinAny(absl::string_view path, const Paths& tops) {
  return std::any_of(std::begin(tops), std::end(tops),
                     [path](absl::string_view top) { return IsWithin(path, top); });
}

std::string Shown(const HostPath& path) {
  const bool elsewhere = !path.real.empty() && path.real.front() != path.written;
  return absl::StrCat(path.written, elsewhere ? absl::StrCat(", which is ", path.real.front()) : "");
}

// ---- bind mounts --------------------------------------------------------------------------------------

bool CoversBind(const Policy& policy, const std::string& path, bool read_only) {
  for (const AllowedPath& allowed : policy.binds) {
    if (IsWithin(path, allowed.path) && (read_only || !allowed.read_only)) {
      return true;
    }
  }
  if (!policy.bind_defaults) {
    return false;
  }
  if (read_only && IsWithinAny(path, kPublicPlaces)) {
    return true;
  }
  return std::none_of(policy.system.begin(), policy.system.end(),
                      [&](const std::string& place) { return Meets(path, place); });
}

// What of the guarded the path leads to or holds, unless it is written out.
const GuardedPath* GuardedIn(const Policy& policy, const std::string& path, bool read_only) {
  for (const GuardedPath& guarded : policy.guarded) {
    const bool meets = IsWithin(path, guarded.path) || IsWithin(guarded.path, path);
    const bool written =
        std::any_of(policy.binds.begin(), policy.binds.end(), [&](const AllowedPath& allowed) {
          return allowed.path == guarded.path && (read_only || !allowed.read_only);
        });
    if (meets && !written) {
      return &guarded;
    }
  }
  return nullptr;
}

std::string BindAdvice(const Policy& policy, const std::vector<std::string>& paths, bool read_only) {
  AllowList list{.defaults = policy.bind_defaults, .entries = {}};
  for (const AllowedPath& allowed : policy.binds) {
    list.entries.push_back(allowed.path);
  }
  std::vector<std::string> values;
  for (const std::string& path : paths) {
    values.push_back(absl::StrCat(path, read_only ? ":ro" : ""));
  }
  return Advice("binds", list, true, values);
}

void JudgeBind(const Policy& policy, const AskedBind& bind, absl::string_view what,
               std::vector<Refusal>& out) {
  const std::string shown = absl::StrCat(what, " ", Shown(bind.source));
  const std::optional<std::string> normal = NormalPath(bind.source.written);
  if (!normal || bind.source.real.empty() || absl::StrContains(*normal, ":")) {
    out.push_back({absl::StrCat(shown, ", which leads nowhere that can be judged"),
                   BindAdvice(policy, {"/srv/data"}, false)});
    return;
  }
  bool covered = true;
  const GuardedPath* guarded = nullptr;
  for (const std::string& path : bind.source.real) {
    covered = covered && CoversBind(policy, path, bind.read_only);
    guarded = guarded != nullptr ? guarded : GuardedIn(policy, path, bind.read_only);
  }
  const auto& real = bind.source.real;
  const bool itself = guarded != nullptr && std::find(real.begin(), real.end(), guarded->path) != real.end();
  std::vector<std::string> wanted;
  if (!covered || itself) {
    wanted.push_back(*normal);
  }
  if (guarded != nullptr && !itself) {
    wanted.push_back(guarded->path);
  }
  if (!wanted.empty()) {
    out.push_back(
        {absl::StrCat(shown, guarded != nullptr ? absl::StrCat(", which gives away ", guarded->what) : ""),
         BindAdvice(policy, wanted, bind.read_only)});
  }
  if (!bind.propagation.empty()) {
    JudgeValue(policy.bind_propagation, kPropagation, "bind_propagation", "the bind propagation",
               bind.propagation, out);
  }
}

// ---- named volumes --------------------------------------------------------------------------------------

std::string OptionOf(const AskedVolume& volume, const std::string& key) {
  const auto it = volume.options.find(key);
  return it == volume.options.end() ? "" : it->second;
}

// The driver `local` mounts what its options say, with root's rights.
void JudgeLocalVolume(const Policy& policy, const AskedVolume& volume, std::vector<Refusal>& out) {
  const std::string device = OptionOf(volume, "device");
  const std::string type = absl::AsciiStrToLower(OptionOf(volume, "type"));
  if (device.empty() && type.empty()) {
    return;
  }
  const std::set<std::string> flags = absl::StrSplit(absl::AsciiStrToLower(OptionOf(volume, "o")), ',');
  const std::string what = absl::StrCat("the volume ", volume.name);
  if (flags.contains("bind") || flags.contains("rbind")) {
    std::string propagation;
    for (const char* word : {"shared", "rshared"}) {
      propagation = flags.contains(word) ? word : propagation;
    }
    JudgeBind(policy,
              {.source = volume.device, .read_only = flags.contains("ro"), .propagation = propagation},
              absl::StrCat(what, " on"), out);
    return;
  }
  for (const char* word : {"remount", "move"}) {
    if (flags.contains(word)) {
      JudgeValue(policy.volume_types, kVolumeTypes, "volume_types", absl::StrCat(what, " of type"), word,
                 out);
    }
  }
  JudgeValue(policy.volume_types, kVolumeTypes, "volume_types", absl::StrCat(what, " of type"),
             type.empty() ? "none" : type, out);
}

void JudgeVolume(const Policy& policy, const AskedVolume& volume, std::vector<Refusal>& out) {
  const std::string driver = volume.driver.empty() ? "local" : volume.driver;
  JudgeValue(policy.volume_drivers, kVolumeDrivers, "volume_drivers", "the volume driver", driver, out);
  if (driver == "local") {
    JudgeLocalVolume(policy, volume, out);
  }
}

// ---- devices --------------------------------------------------------------------------------------------

void JudgeDevice(const Policy& policy, const HostPath& device, std::vector<Refusal>& out) {
  const std::vector<std::string>& entries = policy.devices.entries;
  const std::string name = NormalPath(device.written).value_or(device.written);
  const bool named = std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    return MatchesGlob(name, entry) || IsWithin(name, entry);
  });
  const bool leads = !device.real.empty() &&
                     std::all_of(device.real.begin(), device.real.end(), [&](const std::string& path) {
                       return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
                         return MatchesGlob(path, entry) || IsWithin(path, entry);
                       });
                     });
  if (!named && !leads) {
    out.push_back(
        {absl::StrCat("the device ", Shown(device)), Advice("devices", policy.devices, false, {name})});
  }
}

}  // namespace

std::vector<std::string> SystemPlaces() { return {std::begin(kSystemPlaces), std::end(kSystemPlaces)}; }

std::vector<std::string> DefaultFiles() { return {std::begin(kFiles), std::end(kFiles)}; }

std::vector<Refusal> JudgeFile(const Policy& policy, const HostPath& file, absl::string_view what) {
  const std::vector<std::string>& entries = policy.files.entries;
  bool allowed = !file.real.empty();
  const GuardedPath* guarded = nullptr;
  for (const std::string& path : file.real) {
    const bool covered = std::any_of(entries.begin(), entries.end(),
                                     [&](const std::string& top) { return IsWithin(path, top); });
    allowed = allowed && (covered || (policy.files.defaults && IsWithinAny(path, policy.default_files)));
    const bool written = std::find(entries.begin(), entries.end(), path) != entries.end();
    for (const GuardedPath& one : policy.guarded) {
      if (!written && guarded == nullptr && IsWithin(path, one.path)) {
        guarded = &one;
      }
    }
  }
  if (allowed && guarded == nullptr) {
    return {};
  }
  return {{absl::StrCat(what, " ", Shown(file),
                        guarded != nullptr ? absl::StrCat(", which gives away ", guarded->what) : ""),
           Advice("files", policy.files, true, {NormalPath(file.written).value_or("/etc/drover")})}};
}

std::vector<Refusal> JudgeAuthorities(const Policy& policy, const HostPath& file, absl::string_view what) {
  const bool common = !file.real.empty() &&
                      std::all_of(file.real.begin(), file.real.end(),
                                  [](const std::string& path) { return IsWithinAny(path, kAuthorities); });
  return common ? std::vector<Refusal>() : JudgeFile(policy, file, what);
}

void JudgePaths(const Policy& policy, const Asked& asked, std::vector<Refusal>& out) {
  for (const AskedBind& bind : asked.binds) {
    JudgeBind(policy, bind, "the bind mount of", out);
  }
  for (const HostPath& file : asked.files) {
    for (Refusal& refusal : JudgeFile(policy, file, "the file")) {
      out.push_back(std::move(refusal));
    }
  }
  for (const AskedVolume& volume : asked.volumes) {
    JudgeVolume(policy, volume, out);
  }
  for (const HostPath& device : asked.devices) {
    JudgeDevice(policy, device, out);
  }
}

}  // namespace drover::agent
