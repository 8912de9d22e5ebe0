// The document of Traefik's HTTP provider, which has the shape of its file provider:
// https://doc.traefik.io/traefik/providers/http/
#pragma once

#include <string>

#include "controller/runtime/pulls.h"

namespace drover::controller {

// JSON for the routes of `consumer`. A route with a host or a path is an HTTP router, one without both a TCP
// router; its `on` are the entry points. A service without backends stays (the answer is 503) where the
// format can say it; the whole is never empty, for Traefik goes on with what it had when it is told nothing.
std::string TraefikDocument(const PulledServices& services, const std::string& consumer);

}  // namespace drover::controller
