#include "controller/runtime/admission_rate.h"

#include <algorithm>

namespace drover::controller {

Duration AdmissionRate::Admit(Instant now) {
  left_ = std::min(burst_, left_ + per_second_ * absl::ToDoubleSeconds(now - last_));
  last_ = now;
  if (left_ < 1) {
    return absl::Seconds((1 - left_) / per_second_);
  }
  left_ -= 1;
  return absl::ZeroDuration();
}

}  // namespace drover::controller
