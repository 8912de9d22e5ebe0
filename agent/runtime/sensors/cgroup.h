// CPU and memory of replicas, from the cgroup files of their containers (v1, hybrid, v2). Files are
// opened once per replica and read with pread, which is 5-10 times cheaper than opening each time.
// What cannot be read is absent, never zero (R4). Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/ids.h"
#include "common/time.h"
#include "common/units.h"

namespace drover::agent {

enum class CgroupLayout { kV1, kHybrid, kV2 };

// What is mounted below `root`: v2 when the root itself has cgroup.controllers, hybrid when only
// root/unified has, else v1.
CgroupLayout DetectCgroupLayout(const std::string& root);

struct CgroupOptions {
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_root = "/proc";
  uint32_t memory_stat_every = 10;  // memory.stat is dear: read it in the first and every n-th round
};

struct CgroupSample {
  std::optional<MilliCpu> cpu;  // mean since the read before; absent in the first read
  std::optional<Bytes> memory;  // working set: usage − inactive_file
};

class CgroupSensor {
 public:
  explicit CgroupSensor(CgroupOptions options);
  ~CgroupSensor();
  CgroupSensor(const CgroupSensor&) = delete;
  CgroupSensor& operator=(const CgroupSensor&) = delete;

  CgroupLayout layout() const { return layout_; }

  // Opens the files of the container whose first process is `pid`. The same pid again is free; another
  // pid (a restart) starts anew. NotFound when the process or its cgroup is gone.
  absl::Status Watch(ReplicaId replica, int32_t pid);
  void Forget(ReplicaId replica);

  // One round of one replica. Both values absent when it is not watched or its container is gone.
  CgroupSample Read(ReplicaId replica, Instant now);

 private:
  struct Watched;

  CgroupOptions options_;
  CgroupLayout layout_;
  std::map<ReplicaId, std::unique_ptr<Watched>> watched_;
};

}  // namespace drover::agent
