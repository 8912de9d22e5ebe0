// How many may come in (R13): handshakes, joins, entries that strangers cause. Not thread-safe.
#pragma once

#include "common/time.h"

namespace drover::controller {

// `per_second`, and after a pause `burst` at once.
class AdmissionRate {
 public:
  AdmissionRate(double per_second, double burst) : per_second_(per_second), burst_(burst), left_(burst) {}

  // Zero: one comes in now, and is counted. Else: how long until one may.
  Duration Admit(Instant now);

 private:
  double per_second_;
  double burst_;
  double left_;
  Instant last_;
};

}  // namespace drover::controller
