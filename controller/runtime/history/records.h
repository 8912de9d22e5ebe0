// History records as messages and back. Of each evaluation only what changed since the one before it is
// kept; once in a while all of it, so that reading and replaying can begin there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/autoscale/replay.h"
#include "drover/v1/history.pb.h"

namespace drover::controller {

// CRC-32 of the decision as engines compare it: without what carrying it out came to.
uint32_t DecisionSum(const Decision& decision);

v1::HistoryRecord ToRecord(const Outcome& outcome);
v1::HistoryRecord ToRecord(const EventRecord& event);

// One replica of a signal, its times as points instead of ages, so that they stay the same.
struct UsageRow {
  bool ready = false;
  bool warming_up = false;
  std::optional<double> used = {};
  double reserved = 0;
  uint32_t phase = 0;
  bool deleting = false;
  std::optional<bool> status_ready = {};
  std::optional<int64_t> started_at = {};  // ns of the controller's clock
  std::optional<int64_t> changed_at = {};
  std::optional<int64_t> sampled_at = {};
  Duration window = {};

  friend bool operator==(const UsageRow&, const UsageRow&) = default;
};

struct KnownSignal {
  std::vector<UsageRow> rows = {};
  std::optional<double> total = {};
  std::string unknown_reason = {};
  Duration age = {};
  std::optional<WaitingLoad> load = {};
  std::optional<int64_t> fallback_replicas = {};
  std::optional<double> at_least = {};
  std::optional<MeasuredQuantile> quantile = {};

  friend bool operator==(const KnownSignal&, const KnownSignal&) = default;
};

// Remembers per service what the reader will know.
class HistoryEncoder {
 public:
  // Whole when it has its memory along, else what changed. Absent: nothing is known of the service since the
  // last call of the two below, and it has no memory along.
  std::optional<v1::HistoryRecord> Encode(const Evaluation& evaluation);

  // Another file begins: no record in it builds on one before.
  void BeginFile() { known_.clear(); }

  // The same, because records were lost.
  void NoteGap();

 private:
  struct Known {
    uint64_t id = 0;
    std::vector<KnownSignal> signals;
    std::shared_ptr<const AutoscaleSpec> spec;
    Decision told;  // the last that was written out
  };

  std::map<ServiceKey, Known> known_;
  std::map<ServiceKey, bool> gap_;  // services written before the gap, that must say so
};

// Evaluations of one service from its records, in order.
class HistoryDecoder {
 public:
  struct Decoded {
    Evaluation evaluation;
    uint32_t sum = 0;  // of the decision that was made
    bool gap = false;
  };

  // Absent before the first whole one, and when one is missing or malformed until the next whole one.
  std::optional<Decoded> Decode(const v1::HistoryRecord& record);

 private:
  uint64_t id_ = 0;
  std::optional<std::vector<KnownSignal>> signals_;
  std::shared_ptr<const AutoscaleSpec> spec_;
};

}  // namespace drover::controller
