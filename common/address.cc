#include "common/address.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace drover {

std::string HostPort(absl::string_view host, uint32_t port) {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

}  // namespace drover
