// The thread that drives the load balancer of this host: a round at once after every change and when a
// request begins to wait for a replica, every second, and every 50 ms while something drains, a reload is
// pending, or a foreign balancer has no replica yet.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/ports/edge.h"

namespace drover::agent {

class EdgeRunner {
 public:
  // `news` is called on the edge's thread when what was applied, who drains, or whether requests wait for a
  // first replica changed (R4.4).
  // `may_serve`: whether the host's own rules allow a listener's certificate (R10.4); a listener without is
  // left out, and the set's error says so.
  EdgeRunner(std::unique_ptr<Edge> edge, std::function<void()> news,
             std::function<absl::Status(const std::string& certificate)> may_serve);
  // Stops the rounds; the balancer is left as it is (R6.4).
  ~EdgeRunner();
  EdgeRunner(const EdgeRunner&) = delete;
  EdgeRunner& operator=(const EdgeRunner&) = delete;

  // Only the newest list counts: `version`, an epoch and a revision, never goes back (R6.1). Thread-safe,
  // does not block.
  void SetDesired(std::pair<uint64_t, uint64_t> version, std::vector<EdgeSet> sets);
  // The newest round's; empty before the first.
  std::optional<EdgeState> state() const;

  // Waits for its turn between two rounds. Thread-safe.
  EdgeCheckReport Check(uint32_t handle);

  std::string Describe() const { return edge_->Describe(); }

 private:
  struct Question {
    uint32_t handle = 0;
    std::promise<EdgeCheckReport> answer;
  };

  void Run();
  void AnswerAll(std::unique_lock<std::mutex>& lock);
  void Look();
  // Both on the edge's thread.
  void DropForbidden(std::vector<EdgeSet>& sets);
  void ShowForbidden(EdgeState& state) const;

  std::unique_ptr<Edge> edge_;
  std::function<void()> news_;
  std::function<absl::Status(const std::string&)> may_serve_;
  std::map<uint32_t, std::string> forbidden_;  // by set: why listeners were left out; on the edge's thread
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::pair<uint64_t, uint64_t> version_{0, 0};
  std::optional<std::vector<EdgeSet>> wanted_;  // not handed over yet
  std::optional<EdgeState> state_;
  std::vector<Question> questions_;
  bool look_ = false;  // a round is due now
  bool stop_ = false;
  bool telling_ = false;  // the balancer says when a request begins to wait
  std::thread thread_;
};

}  // namespace drover::agent
