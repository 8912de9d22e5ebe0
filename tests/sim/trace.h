// What happened, one line each: the last lines are kept for the report of a broken invariant, all are
// printed with -v.
#pragma once

#include <cstdio>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "tests/sim/event_queue.h"

namespace drover::sim {

class Trace {
 public:
  Trace(const EventQueue* queue, bool verbose) : queue_(queue), verbose_(verbose) {}

  void Add(absl::string_view who, absl::string_view what) {
    std::string line = absl::StrFormat("%10.3f %-10s %s",
                                       static_cast<double>(queue_->now().nanoseconds()) * 1e-9, who, what);
    if (verbose_) {
      std::puts(line.c_str());
    }
    lines_.push_back(std::move(line));
    if (lines_.size() > kKept) {
      lines_.pop_front();
    }
  }

  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr size_t kKept = 40;

  const EventQueue* queue_;
  bool verbose_;
  std::deque<std::string> lines_;
};

}  // namespace drover::sim
