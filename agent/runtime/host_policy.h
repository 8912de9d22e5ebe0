// The host's own rules (agent/core/policy.h) where they are applied: what the wire asks for becomes facts,
// with every symlink followed, and images and networks that are named by their id get their names from the
// engine.
//
// Thread-safe. Blocks on the file system and, for those names, on the engine.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/event.h"
#include "agent/core/policy.h"
#include "agent/runtime/docker/client.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// What an ActionDone and an answer say when the host's rules forbid it.
inline constexpr char kPolicyRefused[] = "PolicyRefused";

class HostPolicy {
 public:
  // Symlinks in the rules themselves are followed now. `own_ports` may always be published: the agent's
  // port_range. `engine` outlives this.
  HostPolicy(const Policy& policy, PortRange own_ports, docker::Client* engine);

  // Whether a container of the service may be made and started from `image`. PermissionDenied with the rules
  // and the keys that would allow it; else the engine's own error.
  absl::Status MayRun(const v1::ServiceContext& service, const std::string& image,
                      const std::vector<PublishedPort>& published) const;
  // Whether the image may be looked up and pulled. Errors as MayRun.
  absl::Status MayPull(const std::string& image) const;
  // Whether the files that a probe names may be read.
  absl::Status MayProbe(const v1::QueueSpec& queue) const;
  // Whether a listener of the load balancer may have this certificate.
  absl::Status MayServe(const std::string& certificate) const;
  // Whether commands may be run in containers.
  absl::Status MayExec() const;

 private:
  absl::Status NameImage(const std::string& image, const std::string& written, Asked& asked) const;
  // The engine takes the start of a network's id for its name, also that of the host's network.
  absl::Status NameNetworks(Asked& asked) const;

  Policy policy_;
  PortRange own_ports_;
  docker::Client* engine_;
};

}  // namespace drover::agent
