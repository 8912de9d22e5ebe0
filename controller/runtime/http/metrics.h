// /metrics: the newest snapshot in Prometheus' text format. Nothing is kept between scrapes but the
// counts of decisions.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "controller/core/view.h"
#include "controller/ports/history.h"
#include "controller/runtime/http/loop_client.h"

namespace drover::controller {

// Follows the snapshots on a thread of its own and counts decisions that changed a count ("up", "down")
// or gave a new reason for leaving it ("none").
class DecisionCounter {
 public:
  using Key = std::pair<std::string, std::string>;  // direction, reason
  using Counts = std::map<Key, uint64_t>;

  explicit DecisionCounter(const LoopClient* loop);
  // Stops and joins.
  ~DecisionCounter();
  DecisionCounter(const DecisionCounter&) = delete;
  DecisionCounter& operator=(const DecisionCounter&) = delete;

  Counts counts() const;

 private:
  struct Seen {
    uint64_t id = 0;
    std::string reason;
  };

  void Run();
  void Count(const View& view);

  const LoopClient* const loop_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  Counts counts_;
  std::map<ServiceKey, Seen> seen_;  // thread_ only
  std::thread thread_;
};

struct MetricsInput {
  const View* view = nullptr;
  Loop::Stats loop;
  size_t event_streams = 0;
  DecisionCounter::Counts decisions;
  std::optional<HistoryLog::Stats> history = std::nullopt;
};

std::string MetricsText(const MetricsInput& input);

}  // namespace drover::controller
