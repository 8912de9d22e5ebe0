// What one balancer has counted for one backend set, in a form that restarts of the balancer and gaps in
// its reports do not spoil: counters that begin anew are no negative rate, and a gap is no rate at all.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/time.h"

namespace drover::controller {

// Totals of one balancer process.
struct RequestTotals {
  uint64_t arrived = 0;
  uint64_t finished = 0;  // of the arrived
};

class RequestCounts {
 public:
  // The totals of process `instance` as read at `at`. A read that is not newer than the last is dropped. Of
  // what another process, or one whose totals went back, had counted before, nothing is taken for new.
  // `window`: the rate is over at least so much, and reads further apart than twice of it are a gap.
  void Add(Instant at, uint64_t instance, const RequestTotals& totals, Duration window);

  // Requests that arrived per second, over the window. Absent: there are no two reads yet that belong
  // together and are half a second apart.
  std::optional<double> Rate() const;

  // Requests since the first read, over all processes; they never fall. Only differences mean anything.
  // Absent right after a process began: what came between its start and the last read is not known.
  std::optional<double> Arrived() const;
  std::optional<double> Finished() const;

 private:
  struct Read {
    Instant at;
    RequestTotals totals;
  };

  uint64_t instance_ = 0;
  std::deque<Read> reads_;  // that belong together, oldest first
  bool fresh_ = true;       // the last read is the first of its process
  double arrived_ = 0;
  double finished_ = 0;
};

}  // namespace drover::controller
