// The one thread that owns the core. Others post events into its bounded queue and read immutable
// views; nobody else touches the core.
//
//   Post ─► queue ─► Step… ─► TakeReady ─► store.Commit ─► orders to agents ─► view, events ─► replies
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/time.h"
#include "controller/core/core.h"
#include "controller/ports/store.h"

namespace drover::controller {

// CLOCK_BOOTTIME of this machine.
Instant Now();

class Loop {
 public:
  struct Options {
    CoreOptions core;
    size_t queue_limit = 65536;  // events; Post blocks beyond it
    size_t events_kept = 10000;  // for GET /v1/events
    // Quiet events wake the core's thread at most this often; one after a pause is not held up.
    Duration quiet_interval = absl::Milliseconds(20);
    // Called on the loop's thread with every order once its record is durable.
    std::function<void(Order)> send;
    // Called on the loop's thread with what is for the history; must not block. May be absent.
    std::function<bool(std::vector<HistoryItem>, std::vector<EventRecord>)> record = nullptr;
  };

  // `opened` is what the store held; the store outlives the loop.
  Loop(Options options, StateStore* store, StateStore::Opened opened, uint64_t seed);
  // Stops and joins.
  ~Loop();

  // Thread-safe. Blocks while the queue is full. `quiet`: nothing but newer samples, which need no
  // decision at once; among others of its kind it waits for up to `quiet_interval`.
  void Post(Event event, bool quiet = false);

  // Posts an operator's event (its `request` is filled in) and waits for the Reply;
  // DeadlineExceeded after `timeout`.
  absl::StatusOr<Reply> Call(Event event, Duration timeout);

  // The newest snapshot; never null.
  std::shared_ptr<const View> view() const;
  // Waits until a view newer than `than` (by pointer) is there, or `timeout`.
  std::shared_ptr<const View> WaitView(const View* than, Duration timeout) const;

  // Events with id > since, oldest first, at most `limit`; waits up to `timeout` for the first one.
  std::vector<EventRecord> Events(uint64_t since, size_t limit, Duration timeout) const;

  // For /metrics.
  struct Stats {
    uint64_t events = 0;
    uint64_t commits = 0;
    double step_seconds = 0;    // total
    double commit_seconds = 0;  // total
    uint64_t commit_failures = 0;
    size_t queue_length = 0;
  };

  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::controller
