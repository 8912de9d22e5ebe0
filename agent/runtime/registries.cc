#include "agent/runtime/registries.h"

#include <spdlog/spdlog.h>

#include "absl/strings/match.h"
#include "agent/runtime/state_dir.h"

namespace drover::agent {

std::map<std::string, docker::Credentials> RegistriesOf(const Config& config) {
  std::map<std::string, docker::Credentials> result;
  if (absl::StatusOr<std::string> text = ReadWhole(config.docker_config); text.ok()) {
    if (auto parsed = docker::ParseDockerConfig(*text); parsed.ok()) {
      result = *std::move(parsed);
    } else {
      spdlog::warn("{}: {}", config.docker_config, std::string(parsed.status().message()));
    }
  }
  for (const auto& [host, registry] : config.registries) {
    docker::Credentials credentials{registry.username, registry.password};
    if (!registry.password_file.empty()) {
      absl::StatusOr<std::string> password = ReadWhole(registry.password_file);
      if (!password.ok()) {
        spdlog::warn("registries.{}.password_file: {}", host, std::string(password.status().message()));
        continue;
      }
      credentials.password = *password;
      while (absl::EndsWith(credentials.password, "\n")) {
        credentials.password.pop_back();
      }
    }
    result[host] = credentials;
  }
  return result;
}

}  // namespace drover::agent
