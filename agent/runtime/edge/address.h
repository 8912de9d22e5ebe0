// IP addresses of listeners and replicas as text.
#pragma once

#include <string>

#include "agent/ports/edge.h"

namespace drover::agent {

// The usual writing of an IP address, so that two can be compared as text; the input if it is none.
std::string CanonicalAddress(const std::string& address);

// Tries to take the listener's address (`bind` filled in) for a moment. Empty: it is free.
std::string WhyNotFree(const EdgeListener& listener);

}  // namespace drover::agent
