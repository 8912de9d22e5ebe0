#include "simulate/policies/alarms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace drover::simulate {
namespace {

constexpr int64_t kPointSeconds = 60;
constexpr int64_t kCoolDownSeconds = 300;
constexpr int64_t kPointsOut = 3;
constexpr int64_t kPointsIn = 15;
constexpr double kInShare = 0.9;  // of the target

// A share of `capacity`, rounded toward zero but at least 1.
int64_t Part(int64_t capacity, double share) {
  return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(capacity) * share));
}

// What both have in common: points, alarms, cool-down.
class AlarmPolicy : public Policy {
 public:
  explicit AlarmPolicy(double target) : target_(target / 100) {}

  int64_t Desired(const Observation& now) override {
    if (desired_ < 0) {
      desired_ = now.current();
    }
    if (now.utilization) {
      sum_ += *now.utilization;
      ++samples_;
    }
    if (now.second % kPointSeconds != kPointSeconds - 1 || samples_ == 0) {
      return desired_;
    }
    const double point = sum_ / static_cast<double>(samples_);
    sum_ = 0;
    samples_ = 0;
    above_ = point > target_ ? above_ + 1 : 0;
    below_ = point < kInShare * target_ ? below_ + 1 : 0;
    if (now.second >= cool_until_) {
      Act(now, point);
    }
    return desired_;
  }

 protected:
  double target() const { return target_; }

 private:
  virtual int64_t Out(int64_t capacity, double point) const = 0;
  virtual int64_t In(int64_t capacity, double point) const = 0;

  void Act(const Observation& now, double point) {
    int64_t wanted = desired_;
    if (above_ >= kPointsOut) {
      wanted = std::max(desired_, Out(std::max<int64_t>(now.ready, 1), point));
    } else if (below_ >= kPointsIn) {
      wanted = std::max<int64_t>(1, std::min(desired_, In(now.ready, point)));
    }
    if (wanted != desired_) {
      desired_ = wanted;
      cool_until_ = now.second + kCoolDownSeconds;
    }
  }

  double target_;  // fraction
  int64_t desired_ = -1;
  int64_t cool_until_ = 0;
  double sum_ = 0;  // of the point that is being made
  int64_t samples_ = 0;
  int64_t above_ = 0;  // points in a row
  int64_t below_ = 0;
};

class TargetTracking : public AlarmPolicy {
 public:
  using AlarmPolicy::AlarmPolicy;

 private:
  int64_t Proportion(int64_t capacity, double point) const {
    return static_cast<int64_t>(std::ceil(static_cast<double>(capacity) * point / target()));
  }

  int64_t Out(int64_t capacity, double point) const override { return Proportion(capacity, point); }

  int64_t In(int64_t capacity, double point) const override {
    return std::max(capacity - Part(capacity, 0.1), Proportion(capacity, point));
  }
};

class StepScaling : public AlarmPolicy {
 public:
  using AlarmPolicy::AlarmPolicy;

 private:
  int64_t Out(int64_t capacity, double point) const override {
    const double breach = point - target();
    return capacity + Part(capacity, breach < 0.1 ? 0.1 : breach < 0.2 ? 0.3 : 0.4);
  }

  int64_t In(int64_t capacity, double point) const override {
    return capacity - Part(capacity, point < target() / 2 ? 0.3 : 0.1);
  }
};

}  // namespace

std::unique_ptr<Policy> MakeTargetTracking(double target) { return std::make_unique<TargetTracking>(target); }

std::unique_ptr<Policy> MakeStepScaling(double target) { return std::make_unique<StepScaling>(target); }

}  // namespace drover::simulate
