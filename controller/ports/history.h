// What happened and why, kept for people and for replay (R12), apart from the state store: losing some
// of it changes nothing that the controller does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "controller/core/autoscale/replay.h"
#include "controller/core/view.h"

namespace drover::controller {

// A pass over kept records.
class HistoryCursor {
 public:
  virtual ~HistoryCursor() = default;

  // The next record, serialized drover.v1.HistoryRecord; absent: that was all. Damage is skipped over.
  virtual std::optional<std::string> Next() = 0;
};

class HistoryLog {
 public:
  virtual ~HistoryLog() = default;

  // Takes what one round of the core came to. Never blocks and never fails: what cannot be kept is
  // dropped and counted. True: the core is to be told HistoryBegins before its next round.
  virtual bool Record(std::vector<HistoryItem> items, std::vector<EventRecord> events) = 0;

  // Records about `service` up to `to`, oldest first, begun so early that whatever was in force at
  // `from` can be made out. May block on the disk. Errors: ResourceExhausted while too many read.
  virtual absl::StatusOr<std::unique_ptr<HistoryCursor>> Read(const ServiceKey& service, absl::Time from,
                                                              absl::Time to) = 0;

  struct Kept {
    std::optional<absl::Time> earliest;   // of anything; absent: nothing is kept
    std::optional<absl::Time> full_from;  // every evaluation from here on; before it means of 10 s
  };

  virtual Kept kept() const = 0;

  // For /metrics.
  struct Stats {
    uint64_t records = 0;   // written
    uint64_t dropped = 0;   // queue full, or the disk refused
    uint64_t failures = 0;  // writes that the disk refused
    uint64_t damaged = 0;   // bytes skipped over when reading
    int64_t bytes = 0;      // on disk
  };

  virtual Stats stats() const = 0;
};

}  // namespace drover::controller
