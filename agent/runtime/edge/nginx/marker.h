// Asking a running nginx which generation of a file it runs, on a new connection.
#pragma once

#include <cstdint>

#include "agent/runtime/edge/nginx/render.h"

namespace drover::agent {

// True when a worker answers with the marker's name and generation. Waits at most 200 ms.
bool RunsGeneration(const NginxMarker& marker);

// A port of the loopback for markers that nobody has now; 0: none is left.
uint32_t FreeMarkerPort();

}  // namespace drover::agent
