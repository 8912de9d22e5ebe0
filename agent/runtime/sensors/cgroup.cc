#include "agent/runtime/sensors/cgroup.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/sensors/files.h"
#include "common/status.h"

namespace drover::agent {
namespace {

bool Exists(const std::string& path) {
  struct stat info {};

  return stat(path.c_str(), &info) == 0;
}

// The path of a process in the hierarchy that has `controller`, or in the unified one ("").
std::optional<std::string> PathIn(const std::string& proc_cgroup, absl::string_view controller) {
  for (const absl::string_view line : absl::StrSplit(proc_cgroup, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) {
      continue;
    }
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    if (controller.empty()
            ? parts[0] == "0" && parts[1].empty()
            : std::find(controllers.begin(), controllers.end(), controller) != controllers.end()) {
      return std::string(parts[2]);
    }
  }
  return std::nullopt;
}

// The folder of `path` below a mount. An agent in a container of its own sees the paths of others
// relative to its own cgroup, as "/../../docker/ID"; the mount that it was given starts at the root.
std::optional<std::string> Folder(const std::string& mount, const std::optional<std::string>& path) {
  if (!path) {
    return std::nullopt;
  }
  absl::string_view tail = *path;
  while (absl::ConsumePrefix(&tail, "/..")) {
  }
  const std::string folder = absl::StrCat(mount, tail == "/" ? "" : tail);
  return Exists(folder) ? std::optional<std::string>(folder) : std::nullopt;
}

// v1 controllers are mounted alone or together, always with a link or folder of the single name.
std::optional<std::string> FolderV1(const std::string& root, const std::string& proc_cgroup,
                                    const std::string& controller) {
  return Folder(absl::StrCat(root, "/", controller), PathIn(proc_cgroup, controller));
}

}  // namespace

CgroupLayout DetectCgroupLayout(const std::string& root) {
  if (Exists(root + "/cgroup.controllers")) {
    return CgroupLayout::kV2;
  }
  return Exists(root + "/unified/cgroup.controllers") ? CgroupLayout::kHybrid : CgroupLayout::kV1;
}

struct CgroupSensor::Watched {
  int32_t pid = 0;
  KeptFile cpu;     // v1: cpuacct.usage in ns; v2: cpu.stat
  KeptFile memory;  // v1: memory.usage_in_bytes; v2: memory.current
  KeptFile memory_stat;
  std::optional<int64_t> cpu_ns;  // as read last
  Instant cpu_at;
  std::optional<int64_t> inactive_file;
  uint32_t round = 0;
};

CgroupSensor::CgroupSensor(CgroupOptions options)
    : options_(std::move(options)), layout_(DetectCgroupLayout(options_.cgroup_root)) {}

CgroupSensor::~CgroupSensor() = default;

absl::Status CgroupSensor::Watch(ReplicaId replica, int32_t pid) {
  const auto it = watched_.find(replica);
  if (it != watched_.end() && it->second->pid == pid) {
    return absl::OkStatus();
  }
  watched_.erase(replica);
  const std::string source = absl::StrCat(options_.proc_root, "/", pid, "/cgroup");
  const std::optional<std::string> text = ReadFile(source);
  if (!text) {
    return absl::NotFoundError(absl::StrCat(source, ": process ", pid, " is gone"));
  }
  auto watched = std::make_unique<Watched>();
  watched->pid = pid;
  std::optional<std::string> memory;
  if (layout_ == CgroupLayout::kV2) {
    memory = Folder(options_.cgroup_root, PathIn(*text, ""));
    if (memory) {
      watched->cpu = KeptFile(*memory + "/cpu.stat");
      watched->memory = KeptFile(*memory + "/memory.current");
    }
  } else {
    // In the hybrid layout the controllers are still on v1.
    if (const std::optional<std::string> cpu = FolderV1(options_.cgroup_root, *text, "cpuacct")) {
      watched->cpu = KeptFile(*cpu + "/cpuacct.usage");
    }
    memory = FolderV1(options_.cgroup_root, *text, "memory");
    if (memory) {
      watched->memory = KeptFile(*memory + "/memory.usage_in_bytes");
    }
  }
  if (memory) {
    watched->memory_stat = KeptFile(*memory + "/memory.stat");
  }
  if (!watched->cpu.is_open() && !watched->memory.is_open()) {
    return absl::NotFoundError(absl::StrCat("the cgroup of process ", pid, " is not below ",
                                            options_.cgroup_root,
                                            "; an agent in a container needs the host's mounted there"));
  }
  watched_[replica] = std::move(watched);
  return absl::OkStatus();
}

void CgroupSensor::Forget(ReplicaId replica) { watched_.erase(replica); }

CgroupSample CgroupSensor::Read(ReplicaId replica, Instant now) {
  CgroupSample sample;
  const auto it = watched_.find(replica);
  if (it == watched_.end()) {
    return sample;
  }
  Watched& watched = *it->second;
  const std::optional<std::string> text = watched.cpu.Read();
  std::optional<int64_t> cpu_ns;
  if (layout_ != CgroupLayout::kV2) {
    cpu_ns = NumberOf(text);
  } else if (const std::optional<int64_t> us = text ? FieldOf(*text, "usage_usec") : std::nullopt) {
    cpu_ns = *us * 1000;
  }
  const int64_t elapsed = now.nanoseconds() - watched.cpu_at.nanoseconds();
  if (cpu_ns && watched.cpu_ns && elapsed > 0 && *cpu_ns >= *watched.cpu_ns) {
    sample.cpu = MilliCpu(static_cast<int64_t>(
        static_cast<double>(*cpu_ns - *watched.cpu_ns) * 1000.0 / static_cast<double>(elapsed) + 0.5));
  }
  watched.cpu_ns = cpu_ns;
  watched.cpu_at = now;

  const std::optional<int64_t> usage = NumberOf(watched.memory.Read());
  if (watched.round++ % std::max(options_.memory_stat_every, 1u) == 0) {
    const std::optional<std::string> stat = watched.memory_stat.Read();
    // v1 counts the whole tree in total_*, as memory.usage_in_bytes does.
    watched.inactive_file = stat ? FieldOf(*stat, "total_inactive_file") : std::nullopt;
    if (stat && !watched.inactive_file) {
      watched.inactive_file = FieldOf(*stat, "inactive_file");
    }
  }
  if (usage && watched.inactive_file) {
    sample.memory = Bytes(std::max<int64_t>(*usage - *watched.inactive_file, 0));
  }
  return sample;
}

}  // namespace drover::agent
