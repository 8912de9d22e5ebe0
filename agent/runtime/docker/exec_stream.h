// The one conversation with the engine that is not plain HTTP: an exec whose connection is taken over
// ("hijacked") to carry its input and output.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/runtime/docker/transport.h"

namespace drover::agent::docker {

// POSTs `body` to `path`, then sends `input`, closes that direction, and gives everything that comes back
// to `sink` until the end. An answer that is an error comes back with its status and body. Blocks.
absl::StatusOr<HttpAnswer> HijackedCall(const std::string& socket_path, const std::string& path,
                                        const std::string& body, const std::string& input,
                                        const std::function<bool(absl::string_view)>& sink,
                                        const std::shared_ptr<Cancel>& cancel);

}  // namespace drover::agent::docker
