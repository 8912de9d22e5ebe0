#include "controller/core/request_counts.h"

namespace drover::controller {
namespace {

// Two reads closer than this say nothing about a rate.
constexpr Duration kLeastSpan = absl::Milliseconds(500);

}  // namespace

void RequestCounts::Add(Instant at, uint64_t instance, const RequestTotals& totals, Duration window) {
  if (!reads_.empty() && at <= reads_.back().at) {
    return;
  }
  fresh_ = reads_.empty() || instance != instance_ || totals.arrived < reads_.back().totals.arrived ||
           totals.finished < reads_.back().totals.finished;
  if (fresh_) {
    reads_.clear();
  } else {
    arrived_ += static_cast<double>(totals.arrived - reads_.back().totals.arrived);
    finished_ += static_cast<double>(totals.finished - reads_.back().totals.finished);
    if (at - reads_.back().at > 2 * window) {
      reads_.clear();
    }
  }
  instance_ = instance;
  reads_.push_back({.at = at, .totals = totals});
  // The oldest that stays is the youngest that is a whole window old.
  while (reads_.size() > 2 && at - reads_[1].at >= window) {
    reads_.pop_front();
  }
}

std::optional<double> RequestCounts::Rate() const {
  if (reads_.size() < 2 || reads_.back().at - reads_.front().at < kLeastSpan) {
    return std::nullopt;
  }
  return static_cast<double>(reads_.back().totals.arrived - reads_.front().totals.arrived) /
         absl::ToDoubleSeconds(reads_.back().at - reads_.front().at);
}

std::optional<double> RequestCounts::Arrived() const {
  return fresh_ ? std::nullopt : std::optional(arrived_);
}

std::optional<double> RequestCounts::Finished() const {
  return fresh_ ? std::nullopt : std::optional(finished_);
}

}  // namespace drover::controller
