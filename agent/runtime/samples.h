// Reads the sensors of this host for a report: CPU, memory and accept queues of every replica that runs,
// and the host itself. One thread at a time.
#pragma once

#include <map>
#include <set>

#include "agent/runtime/loop.h"
#include "agent/runtime/report.h"
#include "agent/runtime/sensors/accept_queue.h"
#include "agent/runtime/sensors/cgroup.h"
#include "agent/runtime/sensors/host.h"

namespace drover::agent {

class Samples {
 public:
  Samples() : cgroups_(CgroupOptions{}) {}

  // One round over the replicas of `snapshot`; those that are gone are forgotten.
  std::map<ReplicaId, ReplicaSample> Read(const Snapshot& snapshot);
  v1::HostSample ReadHost(uint32_t containers);

 private:
  CgroupSensor cgroups_;
  AcceptQueueSensor accept_queues_;
  HostSensor host_;
  std::set<ReplicaId> watched_;
};

}  // namespace drover::agent
