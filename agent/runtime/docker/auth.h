// Credentials for image registries: from agent.yaml, else from Docker's own config.json ("auths" only:
// credential helpers are programs of a user's desktop, and are named as not supported).
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace drover::agent::docker {

struct Credentials {
  std::string username;
  std::string password;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// Registry host of an image name, as Docker reads it: "docker.io" unless the first part has a dot, a
// colon or is "localhost".
std::string RegistryOf(absl::string_view image);

// Host → credentials of the text of a Docker config.json. InvalidArgument when it is not one.
absl::StatusOr<std::map<std::string, Credentials>> ParseDockerConfig(const std::string& text);

// The value of X-Registry-Auth for this image; empty when there are no credentials for its registry.
std::string AuthHeader(const std::map<std::string, Credentials>& registries, absl::string_view image);

}  // namespace drover::agent::docker
