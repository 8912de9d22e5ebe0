// The credentials for image registries: those of docker's own configuration file, and over them those of the
// agent's `registries` section. Read anew for every pull, so that a changed password needs no restart.
// What cannot be read is logged and left out.
#pragma once

#include <map>
#include <string>

#include "agent/config/config.h"
#include "agent/runtime/docker/auth.h"

namespace drover::agent {

// By registry host. Reads files; thread-safe.
std::map<std::string, docker::Credentials> RegistriesOf(const Config& config);

}  // namespace drover::agent
