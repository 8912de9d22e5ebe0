// How signals are called.
#pragma once

#include <string>

#include "controller/core/spec.h"

namespace drover::controller {

// "queue thumbs", "cpu": as decisions name it.
std::string SignalName(const SignalSpec& signal);

}  // namespace drover::controller
