// drover-placement-bench [--short]: what choosing nodes costs. 10,000 replicas onto 1,000 and 10,000 empty
// nodes, and one replica more in a full cluster, each beside the naive scan over the same nodes in the same
// run: free room in contiguous columns, every node looked at for every replica, the same order of choice (the
// choices are compared). Times are of this thread's CPU. --short: fewer replicas, a check more than a
// measurement. Exits 1 when the two choose differently, or the ranking of many is not faster than the scan.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_format.h"
#include "controller/core/place.h"
#include "tests/unit/controller/core/model_builder.h"

namespace drover::controller {
namespace {

constexpr int64_t kCpu = 16'000;  // of a node, milli-CPU
constexpr int64_t kMemoryKib = 64LL << 20;
constexpr int64_t kWantedCpu = 500;
constexpr int64_t kWantedKib = 128LL << 10;

double CpuMs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// The naive scan. Node i has `here[i]` replicas of the service.
struct Columns {
  std::vector<int64_t> cpu, memory, here;  // free: milli-CPU, KiB

  static int64_t Part(int64_t each, int64_t left, int64_t here_too) {
    const int64_t room = left + here_too * each;
    return room <= 0 ? 1'000'000 : (here_too + 1) * each * 1'000'000 / room;
  }

  // Index of the best node; -1: none has room.
  int64_t Best() const {
    int64_t best = -1;
    std::tuple<int64_t, int64_t, int64_t> best_score;
    for (size_t i = 0; i < cpu.size(); ++i) {
      if (cpu[i] < kWantedCpu || memory[i] < kWantedKib) {
        continue;
      }
      const std::tuple score(
          std::min<int64_t>(here[i], 1),
          std::max(Part(kWantedCpu, cpu[i], here[i]), Part(kWantedKib, memory[i], here[i])),
          std::max((kCpu - cpu[i]) * 1000 / kCpu, (kMemoryKib - memory[i]) * 1000 / kMemoryKib));
      if (best < 0 || score < best_score) {
        best = static_cast<int64_t>(i);
        best_score = score;
      }
    }
    return best;
  }

  void Take(size_t i) {
    cpu[i] -= kWantedCpu;
    memory[i] -= kWantedKib;
    ++here[i];
  }
};

std::string NameOf(size_t i) { return absl::StrFormat("n%08d", i); }

struct Bed {
  ModelBuilder builder;
  Service* service = nullptr;
  Columns columns;

  explicit Bed(size_t nodes) {
    for (size_t i = 0; i < nodes; ++i) {
      Node& node = builder.AddNode(NameOf(i));
      node.record.capacity = {MilliCpu(kCpu), Bytes(kMemoryKib << 10)};
      node.record.port_last = 29'999;
    }
    columns.cpu.assign(nodes, kCpu);
    columns.memory.assign(nodes, kMemoryKib);
    columns.here.assign(nodes, 0);
    ServiceSpec spec = ModelBuilder::Spec("web");
    spec.reserved_cpu = MilliCpu(kWantedCpu);
    spec.reserved_memory = Bytes(kWantedKib << 10);
    spec.routed_ports = {80};
    service = &builder.AddService(spec);
  }

  void Bind(const NodeId& id, std::vector<PublishedPort> ports) {
    Model& model = builder.model();
    Replica& replica = model.AddReplica(*service, model.FreeNumber(*service));
    model.Bind(replica, model.nodes.at(id), std::move(ports));
  }
};

struct Line {
  double ranked_ms = 0;  // choosing
  double bound_ms = 0;   // choosing and binding: records, ports, indices
  double naive_ms = 0;
  bool same = true;
};

void Print(const char* what, size_t nodes, size_t replicas, const Line& line) {
  const auto each = [replicas](double ms) { return ms * 1000 / static_cast<double>(replicas); };
  std::printf(
      "%-22s %6zu nodes %6zu replicas: %8.2f ms (%7.2f us each), with binding %8.2f ms; naive %8.2f ms "
      "(%7.2f "
      "us each)%s\n",
      what, nodes, replicas, line.ranked_ms, each(line.ranked_ms), line.bound_ms, line.naive_ms,
      each(line.naive_ms), line.same ? "" : "  OTHER CHOICES");
}

Line Many(size_t nodes, size_t replicas) {
  Line line;
  std::vector<NodeId> chosen;
  std::vector<std::vector<PublishedPort>> ports;
  {
    Bed bed(nodes);
    const double begin = CpuMs();
    Placer placer(bed.builder.model(), *bed.service);
    for (size_t i = 0; i < replicas; ++i) {
      Placement next = placer.Best();
      bed.Bind(next.node, next.ports);
      placer.Bound();
      chosen.push_back(next.node);
      ports.push_back(std::move(next.ports));
    }
    line.bound_ms = CpuMs() - begin;
  }
  {
    Bed bed(nodes);
    const double begin = CpuMs();
    for (size_t i = 0; i < replicas; ++i) {
      bed.Bind(chosen[i], std::move(ports[i]));
    }
    line.ranked_ms = line.bound_ms - (CpuMs() - begin);
  }
  Bed bed(nodes);
  const double begin = CpuMs();
  std::vector<int64_t> naive;
  for (size_t i = 0; i < replicas; ++i) {
    naive.push_back(bed.columns.Best());
    bed.columns.Take(static_cast<size_t>(naive.back()));
  }
  line.naive_ms = CpuMs() - begin;
  for (size_t i = 0; i < replicas; ++i) {
    line.same = line.same && chosen[i] == NodeId(NameOf(static_cast<size_t>(naive[i])));
  }
  return line;
}

// All nodes full but one in a hundred, which has room for one more: one replica goes there and leaves, over
// and over.
Line OneInAFullCluster(size_t nodes, size_t rounds) {
  Line line;
  Bed bed(nodes);
  Model& model = bed.builder.model();
  for (size_t i = 0; i < nodes; ++i) {
    const int64_t left = i % 100 == 0 ? kWantedCpu : 0;
    model.nodes.at(NodeId(NameOf(i))).reserved.cpu = MilliCpu(kCpu - left);
    bed.columns.cpu[i] = left;
  }
  std::vector<NodeId> chosen;
  double begin = CpuMs();
  for (size_t i = 0; i < rounds; ++i) {
    chosen.push_back(Placer(model, *bed.service).Best().node);
  }
  line.ranked_ms = line.bound_ms = CpuMs() - begin;
  begin = CpuMs();
  for (size_t i = 0; i < rounds; ++i) {
    line.same = line.same && chosen[i] == NodeId(NameOf(static_cast<size_t>(bed.columns.Best())));
  }
  line.naive_ms = CpuMs() - begin;
  return line;
}

int Run(bool brief) {
  bool good = true;
  for (const size_t nodes : {size_t{1'000}, size_t{10'000}}) {
    const size_t replicas = brief ? nodes / 5 : 10'000;
    const Line many = Many(nodes, replicas);
    Print("many", nodes, replicas, many);
    const size_t rounds = brief ? 5 : 50;
    const Line one = OneInAFullCluster(nodes, rounds);
    Print("one in a full cluster", nodes, rounds, one);
    good = good && many.same && one.same && (brief || many.ranked_ms < many.naive_ms);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace drover::controller

int main(int argc, char** argv) {
  return drover::controller::Run(argc > 1 && std::strcmp(argv[1], "--short") == 0);
}
