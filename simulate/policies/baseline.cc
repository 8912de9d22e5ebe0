#include "simulate/policies/baseline.h"

#include <algorithm>

namespace drover::simulate {
namespace {

class MaxOfWindow : public Policy {
 public:
  explicit MaxOfWindow(int64_t window_s) : window_s_(window_s) {}

  int64_t Desired(const Observation& now) override {
    const int64_t demand = now.waiting + now.running;
    while (!falling_.empty() && falling_.back().second <= demand) {
      falling_.pop_back();
    }
    falling_.emplace_back(now.second, demand);
    while (falling_.front().first <= now.second - window_s_) {
      falling_.pop_front();
    }
    return falling_.front().second;
  }

 private:
  int64_t window_s_;
  std::deque<std::pair<int64_t, int64_t>> falling_;  // second and demand; larger ones first
};

class Recorded : public Policy {
 public:
  explicit Recorded(std::vector<int64_t> counts) : counts_(std::move(counts)) {}

  int64_t Desired(const Observation& now) override {
    return counts_[std::min(static_cast<size_t>(now.second), counts_.size() - 1)];
  }

 private:
  std::vector<int64_t> counts_;  // at least one
};

class RateOracle : public Policy {
 public:
  RateOracle(Demand demand, int64_t ahead_s) : demand_(std::move(demand)), ahead_s_(ahead_s) {}

  int64_t Desired(const Observation& now) override {
    int64_t most = 0;
    for (int64_t second = now.second; second < now.second + ahead_s_; second += demand_.window_s) {
      most = std::max(most, demand_.At(second));
    }
    return std::max(most, demand_.At(now.second + ahead_s_));
  }

 private:
  Demand demand_;
  int64_t ahead_s_;
};

}  // namespace

std::unique_ptr<Policy> MakeMaxOfWindow(int64_t window_s) { return std::make_unique<MaxOfWindow>(window_s); }

std::unique_ptr<Policy> MakeRecorded(std::vector<int64_t> counts) {
  return std::make_unique<Recorded>(std::move(counts));
}

std::unique_ptr<Policy> MakeRateOracle(Demand demand, int64_t ahead_s) {
  return std::make_unique<RateOracle>(std::move(demand), ahead_s);
}

}  // namespace drover::simulate
