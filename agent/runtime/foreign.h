// What running containers of others take from this host (R3.5): what they reserve, and where they reserve
// nothing, what they are seen to use.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/runtime/capacity.h"
#include "agent/runtime/docker/client.h"
#include "agent/runtime/sensors/cgroup.h"
#include "common/time.h"

namespace drover::agent {

class ForeignWatch {
 public:
  // `engine` must outlive it.
  explicit ForeignWatch(docker::Client* engine)
      : engine_(engine), use_(CgroupOptions{.memory_stat_every = 1}) {}

  // One look at all of them. CPU use is the mean since the look before, and nothing at the first. Use is
  // rounded up, to 0.1 CPU and 64 MiB, so that the capacity does not change with every breath.
  absl::StatusOr<std::vector<Foreign>> Read(Instant now);

 private:
  Resources Use(const Container& container, Instant now);

  docker::Client* engine_;
  CgroupSensor use_;
  std::map<std::string, ReplicaId> keys_;  // by container id: what the sensor knows it by
  uint64_t last_key_ = 0;
};

}  // namespace drover::agent
