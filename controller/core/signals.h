// From reports to what the decision engine is given: fresh or unknown, never zero by absence (R4).
#pragma once

#include <string>
#include <vector>

#include "controller/core/autoscale/decide.h"
#include "controller/core/model.h"
#include "controller/core/probes.h"

namespace drover::controller {

// A sample is believed up to this age (R4.1).
Duration FreshFor(Duration interval);
// When what is `age` old now, and still fresh, no longer is; after `now`, however far the ages of strangers
// reach.
Instant StaleAt(Instant now, Duration age, Duration fresh_for);

// "7.3s"
std::string AgeText(Duration age);

// One input per configured signal, in order. `next_change` is brought forward to the moment at which
// an input changes by time alone: a sample goes stale, a warm-up ends.
std::vector<SignalInput> MakeSignals(const Model& model, const Probes& probes, const Service& service,
                                     std::optional<Instant>* next_change);

}  // namespace drover::controller
