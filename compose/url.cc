#include "compose/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace drover::compose {

std::string ParseHostPort(absl::string_view text, uint32_t default_port, HostPort* out) {
  absl::string_view host = text;
  absl::string_view port;
  bool port_written = false;
  if (absl::StartsWith(text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos) {
      return absl::StrCat("\"", text, "\" has no closing bracket");
    }
    host = text.substr(1, end - 1);
    absl::string_view rest = text.substr(end + 1);
    port_written = absl::ConsumePrefix(&rest, ":");
    if (!port_written && !rest.empty()) {
      return absl::StrCat("\"", text, "\" has something behind the bracket that is no port");
    }
    port = rest;
  } else if (const size_t colon = text.rfind(':'); colon != absl::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    port_written = true;
    if (absl::StrContains(host, ":")) {
      return absl::StrCat("\"", text, "\" is an IPv6 address without brackets");
    }
  }
  if (host.empty()) {
    return absl::StrCat("\"", text, "\" has no host");
  }
  out->host = std::string(host);
  out->port = default_port;
  if (port_written && !absl::SimpleAtoi(port, &out->port)) {
    out->port = 0;
  }
  if (out->port < 1 || out->port > 65535) {
    return absl::StrCat("\"", text, "\" has no port number");
  }
  return {};
}

std::string ParseHttpUrl(absl::string_view text, HttpUrl* out) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "https://")) {
    out->tls = true;
  } else if (!absl::ConsumePrefix(&rest, "http://")) {
    return absl::StrCat("\"", text, "\" is no HTTP address");
  }
  const bool printable = std::all_of(
      text.begin(), text.end(), [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
  if (!printable) {
    return "the address has a space or another character that an address must write as %XX";
  }
  absl::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = authority.rfind('@'); at != absl::string_view::npos) {
    out->user_info = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  return ParseHostPort(authority, out->tls ? 443 : 80, &out->server);
}

}  // namespace drover::compose
