#include "agent/runtime/capacity.h"

#include <algorithm>
#include <cmath>

namespace drover::agent {

v1::Capacity CapacityOf(const Config& config, Resources found, const std::vector<Foreign>& foreign) {
  Resources whole{config.capacity_cpu.value_or(found.cpu), config.capacity_memory.value_or(found.memory)};
  auto share = [&](int64_t of) {
    return static_cast<int64_t>(std::llround(config.reserve.fraction * static_cast<double>(of)));
  };
  MilliCpu cpu_reserve = config.reserve.cpu.value_or(MilliCpu(share(whole.cpu.value())));
  Bytes memory_reserve =
      config.reserve.memory.value_or(std::max(Bytes(share(whole.memory.value())), config.reserve.memory_min));
  Resources taken;
  for (const Foreign& one : foreign) {
    taken = taken + one.resources;
  }
  v1::Capacity capacity;
  capacity.set_cpu_milli(std::max<int64_t>(0, (whole.cpu - cpu_reserve - taken.cpu).value()));
  capacity.set_memory_bytes(std::max<int64_t>(0, (whole.memory - memory_reserve - taken.memory).value()));
  capacity.set_foreign_cpu_milli(taken.cpu.value());
  capacity.set_foreign_memory_bytes(taken.memory.value());
  return capacity;
}

}  // namespace drover::agent
