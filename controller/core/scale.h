// Desired counts: asks the decision engine when an input of a service changed or its own time has
// come, and takes over what it says.
#pragma once

#include "controller/core/model.h"
#include "controller/core/probes.h"

namespace drover::controller {

// Expires `pause` and `hold` and, for scaled services, evaluates. Sets record.desired and, when it
// changed, tells the decision with its reason.
void ReviewDesired(Model& model, const Probes& probes, Service& service);

// What the decision engine is given about the service now. `next_change`: see MakeSignals.
DecideInput MakeInput(const Model& model, const Probes& probes, const Service& service,
                      std::optional<Instant>* next_change);

// min ≤ count ≤ max; at most one for pinned and singleton services (R7).
int64_t ClampCount(const ServiceSpec& spec, int64_t count);

}  // namespace drover::controller
