// Cloud autoscaling by alarms on one-minute points of utilization: target tracking and step scaling, as
// AWS documents them. Three points above the target scale out, fifteen below 90 % of it scale in, and an
// action is followed by a cool-down of 300 s.
#pragma once

#include <memory>

#include "simulate/policy.h"

namespace drover::simulate {

// `target` in percent. Out: in proportion to the breach. In: a tenth of the capacity at a time, not
// below the proportion.
std::unique_ptr<Policy> MakeTargetTracking(double target);

// `target` in percent. Out, by points above it: below 10 a tenth of the capacity more, below 20 three
// tenths, else four tenths. In: a tenth less; three tenths where less than half the target is used.
std::unique_ptr<Policy> MakeStepScaling(double target);

}  // namespace drover::simulate
