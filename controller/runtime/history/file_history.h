// The history as files of one directory, written by a thread of its own from a bounded queue, not
// flushed per write: a crash loses about the last second. Bounded in bytes and age; old segments are
// thinned in small steps between writes. docs/internals/history.md
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "controller/ports/history.h"

namespace drover::controller {

class FileHistory : public HistoryLog {
 public:
  struct Options {
    std::string directory;
    int64_t max_bytes = int64_t{1} << 30;
    Duration full_for = absl::Hours(24);  // then thinned
    Duration keep = absl::Hours(7 * 24);  // then removed
    int64_t segment_bytes = int64_t{8} << 20;
    Duration segment_span = absl::Hours(1);
    size_t queue_limit = 32768;  // records
    size_t readers = 8;          // at a time; each holds a segment in memory
    Duration flush_interval = absl::Seconds(1);
    Duration retry_interval = absl::Seconds(30);  // after the disk refused
    std::function<absl::Time()> now = [] { return absl::Now(); };
  };

  // Begins at once; a directory that cannot be used is reported and tried again.
  explicit FileHistory(Options options);
  // Writes what is queued.
  ~FileHistory() override;

  bool Record(std::vector<HistoryItem> items, std::vector<EventRecord> events) override;
  absl::StatusOr<std::unique_ptr<HistoryCursor>> Read(const ServiceKey& service, absl::Time from,
                                                      absl::Time to) override;
  Kept kept() const override;
  Stats stats() const override;

  // Waits until what was recorded before is written and thinning has nothing to do. For tests.
  void Settle();

 private:
  friend class FileCursor;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
