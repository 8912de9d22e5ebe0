// What a scaling policy sees at each tick and what it answers: the one interface between the model and
// policies. A policy never sees the length of a job that has not ended, nor a future arrival.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace drover::simulate {

// What a queue's source lets a policy know: a Redis list has jobs that wait and nothing else, a stream's
// group has those in hand too, the protocol of the published figures also counts.
enum class QueueTells { kWaiting, kHeld, kCounters };

struct Observation {
  int64_t second = 0;  // of the run; ticks are 1 s apart

  // Exact, at this tick.
  int64_t waiting = 0;  // jobs in the queue
  int64_t running = 0;  // jobs, those on draining replicas included
  int64_t ready = 0;    // replicas that take jobs, idle or busy
  int64_t starting = 0;
  int64_t draining = 0;  // replicas that finish their job and take no other

  // Since the run's start.
  int64_t arrivals = 0;
  int64_t starts = 0;
  int64_t completions = 0;

  // Since the tick before.
  std::vector<double> waits_s;          // of the jobs that started, in order of their start
  std::vector<double> startup_times_s;  // of the replicas that became ready
  int64_t failed_starts = 0;

  // Busy share of the ready replicas: mean of 30 s, 15 s late. Absent: no sample that old.
  std::optional<double> utilization;

  int64_t current() const { return ready + starting; }
};

class Policy {
 public:
  virtual ~Policy() = default;

  // The count wanted now; called once a tick. The model holds it between its minimum and maximum.
  virtual int64_t Desired(const Observation& now) = 0;
};

}  // namespace drover::simulate
