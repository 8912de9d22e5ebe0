#include "simulate/policies/kpa.h"

#include <algorithm>
#include <deque>

#include "controller/core/autoscale/panic_window.h"

namespace drover::simulate {
namespace {

constexpr int64_t kTickSeconds = 2;
constexpr int64_t kPanicSeconds = 6;

class Kpa : public Policy {
 public:
  explicit Kpa(const KpaOptions& options) : desired_(options.initial) {
    config_.target_value = options.target;
    config_.total_value = 1;
    if (options.seeded) {
      state_ = controller::KpaCreate(options.initial, Instant());
    }
  }

  int64_t Desired(const Observation& now) override {
    concurrency_.push_back(static_cast<double>(now.waiting + now.running));
    if (concurrency_.size() > static_cast<size_t>(absl::ToInt64Seconds(config_.stable_window))) {
      concurrency_.pop_front();
    }
    if (now.second % kTickSeconds == 0) {
      const controller::KpaSample sample{
          .ready = now.ready, .stable = MeanOfLast(concurrency_.size()), .panic = MeanOfLast(kPanicSeconds)};
      desired_ =
          controller::KpaScale(config_, sample, Instant::FromNanoseconds(now.second * 1'000'000'000), state_)
              .desired;
    }
    return desired_;
  }

 private:
  double MeanOfLast(size_t count) const {
    const size_t from = concurrency_.size() - std::min(count, concurrency_.size());
    double sum = 0;
    for (size_t i = from; i < concurrency_.size(); ++i) {
      sum += concurrency_[i];
    }
    return sum / static_cast<double>(concurrency_.size() - from);
  }

  controller::KpaConfig config_;
  controller::KpaState state_;
  std::deque<double> concurrency_;  // one a second, of the stable window, oldest first
  int64_t desired_;
};

}  // namespace

std::unique_ptr<Policy> MakeKpa(const KpaOptions& options) { return std::make_unique<Kpa>(options); }

}  // namespace drover::simulate
