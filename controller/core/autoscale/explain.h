// A decision in words. The whole screen, ToText, is declared in controller/core/view.h.
#pragma once

#include <string>

#include "controller/core/view.h"

namespace drover::controller {

// One line without the service's name: "2 -> 12: DesiredWithinRange (queue thumbs: ceil(120 / 10) = 12)".
// For event messages and Decision.summary of the API.
std::string Summary(const Decision& decision);

}  // namespace drover::controller
