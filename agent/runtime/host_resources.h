// What a container needs on this host before it can be created: networks, volumes, files of configs and
// secrets. Made on demand, labelled with the stack, and given back when nobody uses them any more.
// Thread-safe; blocks on the engine.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/docker/client.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

struct HostResourcesOptions {
  std::string files_dir;     // configs, 0700
  std::string secrets_dir;   // below /run, so never on a disk; 0700
  std::string address_pool;  // "10.200.0.0/16"; empty: the engine chooses
  uint32_t subnet_prefix = 24;
};

class HostResources {
 public:
  HostResources(HostResourcesOptions options, docker::Client* engine);

  // Secret contents from the controller; kept below /run until the host restarts.
  absl::Status KeepSecrets(const v1::FileContents& contents);

  // Networks and volumes of the service exist afterwards. NotFound: an external one does not;
  // the message names it.
  absl::Status Ensure(const v1::ServiceContext& service);

  // Writes the service's configs; FileMount.file → path on this host. NotFound names a secret whose content
  // has not come, or a node file that is missing.
  absl::StatusOr<std::map<std::string, std::string>> Files(const v1::ServiceContext& service);

  // Removes networks of the stack that no container uses any more. Errors are of no consequence.
  void DropUnusedNetworks(const std::string& stack);

  // Removes those of these volumes that Drover made for the stack. The first error.
  absl::Status RemoveVolumes(const std::vector<std::string>& names, const std::string& stack);

  // Held while a container is between network check and creation, so that DropUnusedNetworks cannot
  // take the network away under it.
  std::mutex& networks_mutex() { return networks_mutex_; }

 private:
  absl::Status EnsureNetwork(const v1::NetworkSpec& network, const std::string& stack);
  absl::Status CreateFromPool(docker::Client::NewNetwork network);
  absl::Status EnsureVolume(const v1::VolumeSpec& volume, const std::string& stack);

  HostResourcesOptions options_;
  docker::Client* engine_;
  std::mutex networks_mutex_;
};

// The subnets of prefix length `prefix` in `pool` ("10.200.0.0/16") that overlap none of `taken`, in order,
// at most `limit`. IPv4; entries of `taken` that are not IPv4 networks are passed over.
std::vector<std::string> FreeSubnets(const std::string& pool, uint32_t prefix,
                                     const std::vector<std::string>& taken, size_t limit);

}  // namespace drover::agent
