// Load of the whole host, from /proc: CPU of all processes, memory, pressure. What a kernel does not
// offer is absent. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/units.h"

namespace drover::agent {

struct HostUsage {
  std::optional<MilliCpu> cpu;  // used since the read before; absent in the first
  uint32_t cpu_count = 0;       // online; 0: unknown
  std::optional<Bytes> memory_total;
  std::optional<Bytes> memory_available;
  std::optional<double> pressure_cpu;  // PSI "some avg10", percent
  std::optional<double> pressure_memory;
  std::optional<double> pressure_io;
};

class HostSensor {
 public:
  explicit HostSensor(std::string proc_root = "/proc");

  // One round; calls must lie at least some 10 ms apart for a CPU value.
  HostUsage Read();

 private:
  struct Ticks {
    uint64_t busy = 0;
    uint64_t total = 0;
  };

  std::string proc_root_;
  std::optional<Ticks> last_;
};

}  // namespace drover::agent
