// A count on its way from wish to result: each step that changes it is noted in the decision, with its
// detail, and gives the decision its reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/time.h"
#include "controller/core/view.h"

namespace drover::controller {

class Steps {
 public:
  Steps(Decision* decision, int64_t value) : decision_(decision), value_(value) {}

  int64_t value() const { return value_; }

  // Sets the count; a change is noted.
  void Set(const char* name, int64_t after, const std::string& reason, std::string detail) {
    if (after != value_) {
      Note(name, after, reason, std::move(detail));
    }
  }

  // The same, also worth a line where the count does not change.
  void Note(const char* name, int64_t after, const std::string& reason, std::string detail) {
    decision_->clamps.push_back(
        {.name = name, .before = value_, .after = after, .detail = std::move(detail)});
    decision_->reason = reason;
    value_ = after;
  }

  // What the decision is about where no step changes the count.
  void Because(const std::string& reason) { decision_->reason = reason; }

 private:
  Decision* decision_;
  int64_t value_;
};

// The earlier of both.
inline void NoteDue(std::optional<Instant>& due, std::optional<Instant> at) {
  if (at && (!due || *at < *due)) {
    due = at;
  }
}

}  // namespace drover::controller
