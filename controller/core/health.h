// Replicas that were ready, still run, and are not ready any more (R2.6). Alone they are replaced; when most
// of a service's fall together, the cause is not theirs.
#pragma once

#include "controller/core/model.h"

namespace drover::controller {

// Was ready in this run of its process, runs on, but is not ready now.
bool Unhealthy(const Replica& replica);

// More than half of the service's replicas fell unhealthy within 30 s: the cause is shared, and an empty
// balancer helps nobody.
bool SharedCause(const Model& model, const Service& service);

// The replica gives way to another one now: with a shared cause, one after the other, each when another one
// is ready. False for those that are stopped at once (ReviewHealth).
bool GivesWayUnhealthy(const Model& model, const Service& service, const Replica& replica);

// Stops those that have been unhealthy for longer than a moment, unless the cause is shared. Pinned ones and
// singletons in any case: a second one may not be started beside them (R7).
void ReviewHealth(Model& model, Service& service);

// The replica, which gave way, is stopped now: keeps what is known of it (R3.6), and has the next one wait
// when it had not been healthy for long.
void NoteUnhealthyStopped(Model& model, Service& service, const Replica& replica);

}  // namespace drover::controller
