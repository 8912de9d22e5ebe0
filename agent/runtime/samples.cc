#include "agent/runtime/samples.h"

#include <vector>

#include "agent/runtime/clock.h"

namespace drover::agent {

std::map<ReplicaId, ReplicaSample> Samples::Read(const Snapshot& snapshot) {
  std::map<ReplicaId, ReplicaSample> result;
  std::set<ReplicaId> seen;
  for (const ReplicaStatus& status : snapshot.replicas) {
    if (status.pid <= 0 || !cgroups_.Watch(status.id, status.pid).ok()) {
      continue;
    }
    seen.insert(status.id);
    ReplicaSample& sample = result[status.id];
    sample.read_at = Now();
    CgroupSample read = cgroups_.Read(status.id, sample.read_at);
    if (read.cpu) {
      sample.cpu_milli = read.cpu->value();
    }
    if (read.memory) {
      sample.memory_bytes = read.memory->value();
    }
    auto service = snapshot.services.find(status.spec_hash);
    if (service != snapshot.services.end() && service->second->sense_backlog()) {
      const auto& ports = service->second->routed_ports();
      if (accept_queues_.Watch(status.id, status.pid, {ports.begin(), ports.end()}).ok()) {
        sample.backlog = accept_queues_.Read(status.id).waiting;
      }
    }
  }
  for (ReplicaId id : watched_) {
    if (!seen.contains(id)) {
      cgroups_.Forget(id);
      accept_queues_.Forget(id);
    }
  }
  watched_ = std::move(seen);
  return result;
}

v1::HostSample Samples::ReadHost(uint32_t containers) {
  HostUsage usage = host_.Read();
  v1::HostSample sample;
  if (usage.cpu) {
    sample.set_cpu_milli(static_cast<uint32_t>(usage.cpu->value()));
  }
  sample.set_cpu_count(usage.cpu_count);
  if (usage.memory_total) {
    sample.set_memory_total_bytes(usage.memory_total->value());
  }
  if (usage.memory_available) {
    sample.set_memory_available_bytes(usage.memory_available->value());
  }
  auto pressure = [](const std::optional<double>& value) { return static_cast<float>(value.value_or(-1)); };
  sample.set_pressure_cpu(pressure(usage.pressure_cpu));
  sample.set_pressure_memory(pressure(usage.pressure_memory));
  sample.set_pressure_io(pressure(usage.pressure_io));
  sample.set_containers(containers);
  return sample;
}

}  // namespace drover::agent
