#include "agent/runtime/foreign.h"

#include <set>

#include "common/status.h"

namespace drover::agent {
namespace {

constexpr int64_t kCpuStep = 100;
constexpr int64_t kMemoryStep = 64LL << 20;

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

absl::StatusOr<std::vector<Foreign>> ForeignWatch::Read(Instant now) {
  ASSIGN_OR_RETURN(std::vector<Container> all, engine_->List(""));
  std::vector<Foreign> result;
  std::set<std::string> seen;
  for (const Container& container : all) {
    const bool up =
        container.status == Container::Status::kRunning || container.status == Container::Status::kPaused;
    if (container.replica.value() != 0 || !up) {
      continue;
    }
    absl::StatusOr<docker::Inspected> inspected = engine_->Inspect(container.id);
    if (absl::IsNotFound(inspected.status())) {
      continue;
    }
    RETURN_IF_ERROR(inspected.status());
    Resources taken = inspected->reserved;
    if (taken.cpu.value() == 0 || taken.memory.value() == 0) {
      const Resources used = Use(inspected->container, now);
      taken.cpu = taken.cpu.value() == 0 ? used.cpu : taken.cpu;
      taken.memory = taken.memory.value() == 0 ? used.memory : taken.memory;
    }
    result.push_back({taken});
    seen.insert(container.id);
  }
  std::erase_if(keys_, [&](const auto& known) {
    const bool gone = !seen.contains(known.first);
    if (gone) {
      use_.Forget(known.second);
    }
    return gone;
  });
  return result;
}

Resources ForeignWatch::Use(const Container& container, Instant now) {
  auto [key, fresh] = keys_.try_emplace(container.id);
  if (fresh) {
    key->second = ReplicaId(++last_key_);
  }
  if (!use_.Watch(key->second, container.pid).ok()) {
    return {};  // it has just ended
  }
  const CgroupSample sample = use_.Read(key->second, now);
  return {MilliCpu(RoundUp(sample.cpu.value_or(MilliCpu(0)).value(), kCpuStep)),
          Bytes(RoundUp(sample.memory.value_or(Bytes(0)).value(), kMemoryStep))};
}

}  // namespace drover::agent
