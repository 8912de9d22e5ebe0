#include "agent/runtime/docker/auth.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace drover::agent::docker {
namespace {

using Json = nlohmann::json;

// "https://index.docker.io/v1/" → "docker.io"; "https://reg.example.com/" → "reg.example.com".
std::string HostOf(absl::string_view key) {
  absl::ConsumePrefix(&key, "https://");
  absl::ConsumePrefix(&key, "http://");
  absl::string_view host = key.substr(0, key.find('/'));
  return host == "index.docker.io" ? "docker.io" : std::string(host);
}

}  // namespace

std::string RegistryOf(absl::string_view image) {
  size_t slash = image.find('/');
  if (slash == absl::string_view::npos) {
    return "docker.io";
  }
  absl::string_view first = image.substr(0, slash);
  bool is_host = first == "localhost" || absl::StrContains(first, ".") || absl::StrContains(first, ":");
  return is_host ? std::string(first) : "docker.io";
}

absl::StatusOr<std::map<std::string, Credentials>> ParseDockerConfig(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("is not a JSON object");
  }
  std::map<std::string, Credentials> result;
  auto auths = json.find("auths");
  if (auths == json.end() || !auths->is_object()) {
    return result;
  }
  for (const auto& [key, entry] : auths->items()) {
    std::string decoded;
    if (!entry.is_object() || !entry.contains("auth") || !entry["auth"].is_string() ||
        !absl::Base64Unescape(entry["auth"].get<std::string>(), &decoded)) {
      continue;
    }
    std::pair<std::string, std::string> parts = absl::StrSplit(decoded, absl::MaxSplits(':', 1));
    result[HostOf(key)] = {parts.first, parts.second};
  }
  return result;
}

std::string AuthHeader(const std::map<std::string, Credentials>& registries, absl::string_view image) {
  std::string registry = RegistryOf(image);
  auto it = registries.find(registry);
  if (it == registries.end()) {
    return "";
  }
  Json json = {{"username", it->second.username},
               {"password", it->second.password},
               {"serveraddress", registry == "docker.io" ? "https://index.docker.io/v1/" : registry}};
  // The engine reads URL-safe base64 with its padding.
  std::string text = json.dump();
  std::string encoded;
  absl::Base64Escape(text, &encoded);
  for (char& c : encoded) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return encoded;
}

}  // namespace drover::agent::docker
