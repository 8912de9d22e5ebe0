// Addresses as text.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace drover {

// "HOST:PORT", with an IPv6 address in brackets, without which some read "::1:80" wrongly.
std::string HostPort(absl::string_view host, uint32_t port);

}  // namespace drover
