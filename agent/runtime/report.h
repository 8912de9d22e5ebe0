// Packs what the agent knows into a Report: columns with validity bitmaps, and only what changed between
// two full ones. Pure but for its memory of what was sent; one packer per stream (its first report is
// full). One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ports/edge.h"
#include "agent/runtime/calls.h"
#include "agent/runtime/loop.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// What sensors read of one replica. Absent is unknown, never zero (R4).
struct ReplicaSample {
  std::optional<int64_t> cpu_milli;
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> backlog;
  Instant read_at;
};

struct ReportInput {
  Instant now;
  std::shared_ptr<const Snapshot> snapshot;
  std::map<ReplicaId, ReplicaSample> samples;
  std::optional<v1::HostSample> host;
  std::vector<v1::QueueSample> queues;
  std::optional<EdgeState> edge;
  std::optional<v1::Capacity> capacity;  // sent when it changed
  std::vector<std::pair<Notice, Instant>> notices;
  std::vector<Calls::Stuck> stuck;
};

class ReportPacker {
 public:
  // A full report every `full_every`.
  explicit ReportPacker(Duration full_every = absl::Seconds(30)) : full_every_(full_every) {}

  v1::Report Pack(const ReportInput& input);

 private:
  struct Row {
    uint32_t state = 0;
    std::string detail;  // serialized ReplicaDetail
  };

  void PackReplicas(const ReportInput& input, bool full, v1::Report& report);

  Duration full_every_;
  uint64_t sequence_ = 0;
  std::optional<Instant> last_full_;
  std::map<uint32_t, Row> sent_;  // by handle
  std::string sent_capacity_;
};

// Sets bit `i`; the bitmap grows as needed.
void SetBit(std::string& bitmap, size_t i);
// An empty bitmap: all known.
bool IsKnown(const std::string& bitmap, size_t i);

}  // namespace drover::agent
