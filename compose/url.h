// The two forms of address that sources of x-queues are written in, taken apart. Internal to compose/.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace drover::compose {

struct HostPort {
  std::string host;  // without brackets
  uint32_t port = 0;
};

// "host:port", "host" (then `default_port`; 0: the port must be written), "[::1]:port". Returns what is
// wrong, empty when fine.
std::string ParseHostPort(absl::string_view text, uint32_t default_port, HostPort* out);

struct HttpUrl {
  bool tls = false;
  HostPort server;
  std::string user_info;  // "user:password" as written; empty: none
};

// "http[s]://[user[:password]@]host[:port][/path][?query]". Returns what is wrong, empty when fine.
std::string ParseHttpUrl(absl::string_view text, HttpUrl* out);

}  // namespace drover::compose
