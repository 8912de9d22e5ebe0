// What one round of sensing costs an agent. bin/bench-sensors
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "agent/runtime/sensors/accept_queue.h"
#include "agent/runtime/sensors/cgroup.h"
#include "agent/runtime/sensors/host.h"

namespace drover::agent {
namespace {

// CPU and memory of 20 replicas, all in our own cgroup; memory.stat in every tenth round.
void BM_CgroupOf20Replicas(benchmark::State& state) {
  CgroupSensor sensor(CgroupOptions{});
  for (uint64_t id = 1; id <= 20; ++id) {
    if (!sensor.Watch(ReplicaId(id), getpid()).ok()) {
      state.SkipWithError("no readable cgroup here");
      return;
    }
  }
  int64_t now = 0;
  for (auto _ : state) {
    now += 1'000'000'000;
    for (uint64_t id = 1; id <= 20; ++id) {
      benchmark::DoNotOptimize(sensor.Read(ReplicaId(id), Instant::FromNanoseconds(now)));
    }
  }
  state.SetItemsProcessed(state.iterations() * 20);
}

BENCHMARK(BM_CgroupOf20Replicas);

void BM_Host(benchmark::State& state) {
  HostSensor sensor;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sensor.Read());
  }
}

BENCHMARK(BM_Host);

void BM_AcceptQueue(benchmark::State& state) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  AcceptQueueSensor sensor;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 8) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      !sensor.Watch(ReplicaId(1), getpid(), {ntohs(address.sin_port)}).ok()) {
    state.SkipWithError("no socket");
    return;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(sensor.Read(ReplicaId(1), state.range(0) != 0));
  }
  close(fd);
}

BENCHMARK(BM_AcceptQueue)->Arg(0)->Arg(1);

}  // namespace
}  // namespace drover::agent

BENCHMARK_MAIN();
