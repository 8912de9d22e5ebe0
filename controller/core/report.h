// Folds one report of an agent into the model: liveness, replica states, samples, queue readings, the
// edge's confirmations, what is confirmed gone.
#pragma once

#include "controller/core/event.h"
#include "controller/core/model.h"

namespace drover::controller {

class Probes;

// Reports of a stream that is not the node's newest are dropped.
void FoldReport(Model& model, Probes& probes, const NodeReport& report);

}  // namespace drover::controller
