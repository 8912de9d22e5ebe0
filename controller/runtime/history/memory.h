// What the decision engine remembers of a service as a message and back, every field and every bit of it.
#pragma once

#include "controller/core/autoscale/decide.h"
#include "drover/v1/history.pb.h"

namespace drover::controller {

v1::HistoryMemory ToProto(const ScalingHistory& memory);
ScalingHistory ToCore(const v1::HistoryMemory& memory);

// Of one signal with max_wait, `signal` by index.
v1::HistoryPromise ToProto(const MaxWaitState& promise, size_t signal);
MaxWaitState ToCore(const v1::HistoryPromise& promise);

}  // namespace drover::controller
