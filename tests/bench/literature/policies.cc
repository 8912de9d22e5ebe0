#include "tests/bench/literature/policies.h"

#include <algorithm>
#include <array>
#include <deque>

#include "tests/bench/literature/forecast.h"
#include "tests/bench/literature/load.h"

namespace drover::bench {
namespace {

using simulate::Observation;
using simulate::Policy;

// Keeps the count between periods.
class PeriodicPolicy : public Policy {
 public:
  explicit PeriodicPolicy(int64_t period_s) : meter_(period_s) {}

  int64_t Desired(const Observation& now) override {
    if (count_ < 0) {
      count_ = now.current();
    }
    if (meter_.Tick(now)) {
      count_ = std::max<int64_t>(1, Next(now));
    }
    return count_;
  }

 protected:
  const LoadMeter& meter() const { return meter_; }

  int64_t count() const { return count_; }

 private:
  virtual int64_t Next(const Observation& now) = 0;

  LoadMeter meter_;
  int64_t count_ = -1;
};

class React : public PeriodicPolicy {
 public:
  React(int64_t period_s, double headroom) : PeriodicPolicy(period_s), headroom_(headroom) {}

 private:
  int64_t Next(const Observation&) override {
    const double load = meter().load();
    const int64_t needed = CeilOf(load);
    if (needed > count()) {
      return CeilOf(static_cast<double>(count()) + headroom_ * static_cast<double>(needed - count()));
    }
    return 1.1 * load < static_cast<double>(count()) ? CeilOf(headroom_ * load) : count();
  }

  double headroom_;
};

class Hist : public PeriodicPolicy {
 public:
  Hist(int64_t period_s, double percentile) : PeriodicPolicy(period_s), percentile_(percentile) {}

 private:
  int64_t Next(const Observation& now) override {
    const int64_t needed = CeilOf(meter().load());
    errors_.push_back(static_cast<double>(count() - needed));
    short_.push_back(needed > count());
    if (short_.size() > 10) {
      short_.pop_front();
    }
    std::vector<int64_t>& hour = hours_[static_cast<size_t>(now.second / 3600 % 24)];
    hour.insert(std::upper_bound(hour.begin(), hour.end(), needed), needed);
    if (std::count(short_.begin(), short_.end(), true) > 5) {
      return CeilOf(1.05 * meter().load());
    }
    const size_t index = static_cast<size_t>(percentile_ / 100 * static_cast<double>(hour.size() - 1));
    return CeilOf(static_cast<double>(hour[index]) - MeanError());
  }

  double MeanError() const {
    const size_t from = errors_.size() - std::min<size_t>(5, errors_.size());
    double sum = 0;
    for (size_t i = from; i < errors_.size(); ++i) {
      sum += errors_[i];
    }
    return sum / static_cast<double>(errors_.size() - from);
  }

  double percentile_;
  std::array<std::vector<int64_t>, 24> hours_;  // needed servers, ascending
  std::vector<double> errors_;                  // servers above need, one a period
  std::deque<bool> short_;
};

class Reg : public PeriodicPolicy {
 public:
  Reg(int64_t period_s, double headroom) : PeriodicPolicy(period_s), headroom_(headroom) {}

 private:
  int64_t Next(const Observation&) override {
    const int64_t reactive = CeilOf(headroom_ * meter().load());
    if (reactive > count()) {
      return reactive;
    }
    const int64_t forecast = CeilOf(headroom_ * QuadraticForecast(LastOf(meter().loads(), 60)));
    return std::min(count(), std::max(forecast, reactive));
  }

  double headroom_;
};

class Adapt : public PeriodicPolicy {
 public:
  Adapt(int64_t period_s, double headroom) : PeriodicPolicy(period_s), headroom_(headroom) {}

 private:
  int64_t Next(const Observation&) override {
    const double load = meter().load();
    const std::vector<double>& loads = meter().loads();
    const double servers = static_cast<double>(count());
    sum_of_servers_ += servers;
    if (load > servers) {
      return CeilOf(headroom_ * load);
    }
    const double surplus = servers - headroom_ * load;
    if (surplus > 0) {
      return CeilOf(servers - surplus / 4);
    }
    const double mean_servers = sum_of_servers_ / static_cast<double>(loads.size());
    const double change = loads.size() < 2 ? 0 : (load - loads[loads.size() - 2]) / mean_servers;
    return CeilOf(servers + std::max(0.0, load / servers * change * servers));
  }

  double headroom_;
  double sum_of_servers_ = 0;
};

class ConPaaS : public PeriodicPolicy {
 public:
  ConPaaS(int64_t period_s, double headroom) : PeriodicPolicy(period_s), headroom_(headroom) {}

 private:
  int64_t Next(const Observation&) override {
    const double load = meter().load();
    const std::vector<double> last = LastOf(meter().loads(), 20);
    size_t best = 0;
    for (size_t i = 1; i < forecasts_.size(); ++i) {
      if (std::abs(forecasts_[i] - load) < std::abs(forecasts_[best] - load)) {
        best = i;
      }
    }
    forecasts_ = {AutoregressiveForecast(last), LinearForecast(last), SmoothedForecast(last)};
    return CeilOf(headroom_ * (forecasts_[best] + load) / 2);
  }

  double headroom_;
  std::array<double, 3> forecasts_{};  // for the period that now ended, of each method
};

class AutoScale : public PeriodicPolicy {
 public:
  AutoScale(int64_t period_s, double wait_s) : PeriodicPolicy(period_s), wait_s_(wait_s) {}

  int64_t Desired(const Observation& now) override {
    while (!busy_.empty() && busy_.back().second <= now.running) {
      busy_.pop_back();
    }
    busy_.emplace_back(now.second, now.running);
    while (static_cast<double>(now.second - busy_.front().first) > wait_s_) {
      busy_.pop_front();
    }
    return std::max(PeriodicPolicy::Desired(now), busy_.front().second);
  }

 private:
  int64_t Next(const Observation& now) override {
    const int64_t needed = std::max(CeilOf(meter().load()), now.waiting + now.running);
    const int64_t held = busy_.front().second;
    return needed > held ? CeilOf(static_cast<double>(held) + 1.2 * static_cast<double>(needed - held))
                         : held;
  }

  double wait_s_;
  std::deque<std::pair<int64_t, int64_t>> busy_;  // second and busy servers; larger ones first
};

}  // namespace

std::unique_ptr<Policy> MakeReact(int64_t period_s, double headroom) {
  return std::make_unique<React>(period_s, headroom);
}

std::unique_ptr<Policy> MakeHist(int64_t period_s, double percentile) {
  return std::make_unique<Hist>(period_s, percentile);
}

std::unique_ptr<Policy> MakeReg(int64_t period_s, double headroom) {
  return std::make_unique<Reg>(period_s, headroom);
}

std::unique_ptr<Policy> MakeAdapt(int64_t period_s, double headroom) {
  return std::make_unique<Adapt>(period_s, headroom);
}

std::unique_ptr<Policy> MakeConPaaS(int64_t period_s, double headroom) {
  return std::make_unique<ConPaaS>(period_s, headroom);
}

std::unique_ptr<Policy> MakeAutoScale(int64_t period_s, double wait_s) {
  return std::make_unique<AutoScale>(period_s, wait_s);
}

}  // namespace drover::bench
