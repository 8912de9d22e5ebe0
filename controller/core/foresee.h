// What a changed stack would do to the replicas that run, told before it is applied (`drover plan`).
#pragma once

#include "controller/core/model.h"
#include "controller/core/probes.h"
#include "controller/core/view.h"

namespace drover::controller {

// Adds to each change of `plan`, which leads from the model's stack to `after`, how many replicas it
// touches and which count the changed policy would choose by the signals of now. Changes nothing.
void Foresee(const Model& model, const Probes& probes, const StackSpec& after, Plan* plan);

}  // namespace drover::controller
