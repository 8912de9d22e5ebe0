// What the agent finds out about its host by itself.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/units.h"

namespace drover::agent {

// /proc/sys/kernel/random/boot_id (R1.6).
std::string BootId();
std::string HostName();
// The kernel's own count, when the engine cannot be asked.
Resources WholeHost();
// The local address of the route to `controller` ("host:port"); loopback when that is loopback.
// NotFound: no route or no such name.
absl::StatusOr<std::string> AddressTowards(const std::string& controller);

}  // namespace drover::agent
