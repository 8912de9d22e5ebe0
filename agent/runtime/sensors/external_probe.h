// Asks a KEDA external scaler, a program that speaks externalscaler.proto, for a queue's depth.
#pragma once

#include <memory>

#include "agent/runtime/sensors/queue_source.h"

namespace drover::agent {

// One scaler over one kept channel. A reading's `ready` is the metric's value, `active` what IsActive said.
// `timeout`: of the whole of one read, where the queue states none.
std::unique_ptr<QueueSource> MakeExternalSource(Duration timeout);

}  // namespace drover::agent
