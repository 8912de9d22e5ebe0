// Asking a running nginx which generation of a file it runs, on a new connection.
#pragma once

#include <cstdint>
#include <functional>

#include "agent/runtime/edge/nginx/render.h"

namespace drover::agent {

// True when a worker answers with the marker's name and generation. Waits at most 200 ms.
bool RunsGeneration(const NginxMarker& marker);

// Nobody listens on the port of the loopback.
bool MarkerPortIsFree(uint32_t port);

// A port of the loopback for markers that nobody has now and that `fits`; 0: none is left.
uint32_t FreeMarkerPort(const std::function<bool(uint32_t port)>& fits);

}  // namespace drover::agent
