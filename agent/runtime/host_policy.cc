#include "agent/runtime/host_policy.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/core/host_path.h"
#include "agent/core/image_name.h"
#include "agent/runtime/real_path.h"
#include "common/status.h"

namespace drover::agent {
namespace {

// The engine cleans a path before it follows its symlinks, the kernel does not: both must be allowed.
HostPath Follow(const std::string& written) {
  const std::optional<std::string> normal = NormalPath(written);
  if (!normal) {
    return {written, {}};
  }
  const std::optional<std::string> cleaned = RealPath(*normal);
  const std::optional<std::string> as_is = RealPath(written);
  if (!cleaned || !as_is) {
    return {written, {}};
  }
  const std::set<std::string> real = {*cleaned, *as_is};
  return {written, {real.begin(), real.end()}};
}

// Patterns keep what follows the first `*` or `?` as it is.
std::string FollowPattern(const std::string& pattern) {
  const size_t slash = pattern.rfind('/', pattern.find_first_of("*?"));
  if (!absl::StartsWith(pattern, "/") || slash == std::string::npos) {
    return pattern;
  }
  const bool plain = pattern.find_first_of("*?") == std::string::npos;
  const size_t fixed = plain ? pattern.size() : slash;
  const std::string real = RealPath(pattern.substr(0, fixed)).value_or(pattern.substr(0, fixed));
  return absl::StrCat(real == "/" && !plain ? "" : real, pattern.substr(fixed));
}

void AddFollowed(std::vector<std::string>& patterns) {
  const std::vector<std::string> written = patterns;
  for (const std::string& pattern : written) {
    if (std::string real = FollowPattern(pattern); real != pattern) {
      patterns.push_back(std::move(real));
    }
  }
}

// Rules name places as people do ("/var/run/docker.sock"); what is asked comes as where it leads.
Policy Followed(Policy policy) {
  for (const AllowedPath& allowed : std::vector<AllowedPath>(policy.binds)) {
    policy.binds.push_back({FollowPattern(allowed.path), allowed.read_only});
  }
  for (const GuardedPath& guarded : std::vector<GuardedPath>(policy.guarded)) {
    policy.guarded.push_back({FollowPattern(guarded.path), guarded.what});
  }
  AddFollowed(policy.files.entries);
  AddFollowed(policy.default_files);
  AddFollowed(policy.devices.entries);
  AddFollowed(policy.system);
  return policy;
}

void AskForPaths(const v1::ServiceContext& service, Asked& asked) {
  for (const v1::Mount& mount : service.container().mounts()) {
    const bool path = absl::StartsWith(mount.source(), "/");
    if (mount.type() == v1::Mount::BIND || (mount.type() != v1::Mount::TMPFS && path)) {
      asked.binds.push_back({Follow(mount.source()), mount.read_only(), mount.propagation()});
    }
  }
  for (const v1::FileDigest& file : service.files()) {
    if (!file.node_path().empty()) {
      asked.files.push_back(Follow(file.node_path()));
    }
  }
  for (const v1::VolumeSpec& volume : service.volumes()) {
    if (volume.external()) {
      continue;  // whoever made it on this host decided what it is
    }
    AskedVolume& to = asked.volumes.emplace_back();
    to.name = volume.engine_name();
    to.driver = volume.driver();
    to.options = {volume.driver_opts().begin(), volume.driver_opts().end()};
    if (const auto device = to.options.find("device"); device != to.options.end()) {
      to.device = Follow(device->second);
    }
  }
  for (const v1::Device& device : service.container().devices()) {
    asked.devices.push_back(Follow(device.host_path()));
  }
}

void AskForNameSpaces(const v1::ServiceContext& service, Asked& asked) {
  const v1::ContainerSpec& spec = service.container();
  asked.network_mode = spec.network_mode();
  for (const v1::NetworkAttachment& network : spec.networks()) {
    asked.networks.push_back(network.network());
  }
  for (const v1::NetworkSpec& network : service.networks()) {
    if (!network.external()) {
      asked.network_drivers.push_back(network.driver());
    }
  }
  asked.pid = spec.pid();
  asked.ipc = spec.ipc();
  asked.uts = spec.uts();
  asked.userns = spec.userns_mode();
}

Asked AskedOf(const v1::ServiceContext& service) {
  const v1::ContainerSpec& spec = service.container();
  Asked asked;
  AskForPaths(service, asked);
  AskForNameSpaces(service, asked);
  asked.privileged = spec.privileged();
  asked.cap_add = {spec.cap_add().begin(), spec.cap_add().end()};
  asked.device_cgroup_rules = {spec.device_cgroup_rules().begin(), spec.device_cgroup_rules().end()};
  asked.gpus = !spec.device_requests().empty();
  asked.security_opt = {spec.security_opt().begin(), spec.security_opt().end()};
  for (const auto& [name, value] : spec.sysctls()) {
    asked.sysctls.push_back(name);
  }
  asked.cgroup_parent = spec.cgroup_parent();
  asked.runtime = spec.runtime();
  for (const auto& [name, value] : spec.annotations()) {
    asked.annotations.push_back(name);
  }
  std::sort(asked.sysctls.begin(), asked.sysctls.end());
  std::sort(asked.annotations.begin(), asked.annotations.end());
  return asked;
}

absl::Status StatusOf(const std::vector<Refusal>& refusals) {
  return refusals.empty() ? absl::OkStatus() : absl::PermissionDeniedError(RefusalText(refusals));
}

}  // namespace

HostPolicy::HostPolicy(const Policy& policy, PortRange own_ports, docker::Client* engine)
    : policy_(Followed(policy)), own_ports_(own_ports), engine_(engine) {}

absl::Status HostPolicy::NameImage(const std::string& image, const std::string& written, Asked& asked) const {
  asked.image = image;
  asked.image_written = written;
  if (!IsImageId(image) || policy_.images.defaults) {
    return absl::OkStatus();
  }
  absl::StatusOr<docker::ImageInfo> info = engine_->InspectImage(image);
  if (info.ok()) {
    asked.image_names = std::move(info->repo_tags);
    asked.image_names.insert(asked.image_names.end(), info->repo_digests.begin(), info->repo_digests.end());
    return absl::OkStatus();
  }
  // Not here yet: it comes by its written name, or not at all.
  asked.image_names = {written};
  return absl::IsNotFound(info.status()) ? absl::OkStatus() : info.status();
}

absl::Status HostPolicy::NameNetworks(Asked& asked) const {
  std::vector<std::string*> names = {&asked.network_mode};
  for (std::string& network : asked.networks) {
    names.push_back(&network);
  }
  for (std::string* name : names) {
    if (name->empty() || name->find_first_not_of("0123456789abcdef") != std::string::npos) {
      continue;
    }
    absl::StatusOr<docker::NetworkInfo> network = engine_->InspectNetwork(*name);
    if (network.ok()) {
      *name = network->name;
    } else if (!absl::IsNotFound(network.status())) {
      return network.status();
    }
  }
  return absl::OkStatus();
}

absl::Status HostPolicy::MayRun(const v1::ServiceContext& service, const std::string& image,
                                const std::vector<PublishedPort>& published) const {
  Asked asked = AskedOf(service);
  RETURN_IF_ERROR(NameImage(image, service.container().image(), asked));
  RETURN_IF_ERROR(NameNetworks(asked));
  for (const v1::PortSpec& port : service.host_ports()) {
    asked.host_ports.push_back(port.published());
  }
  for (const PublishedPort& port : published) {
    if (port.host_port < own_ports_.first || port.host_port > own_ports_.last) {
      asked.host_ports.push_back(port.host_port);
    }
  }
  return StatusOf(Judge(policy_, asked));
}

absl::Status HostPolicy::MayPull(const std::string& image) const {
  Asked asked;
  RETURN_IF_ERROR(NameImage(image, image, asked));
  return StatusOf(JudgeImage(policy_, asked));
}

absl::Status HostPolicy::MayProbe(const v1::QueueSpec& queue) const {
  std::vector<Refusal> refusals;
  const auto take = [&refusals](std::vector<Refusal> more) {
    std::move(more.begin(), more.end(), std::back_inserter(refusals));
  };
  if (!queue.password_file().empty()) {
    take(JudgeFile(policy_, Follow(queue.password_file()), "password_file"));
  }
  if (!queue.bearer_token_file().empty()) {
    take(JudgeFile(policy_, Follow(queue.bearer_token_file()), "bearer_token_file"));
  }
  if (!queue.ca_file().empty()) {
    take(JudgeAuthorities(policy_, Follow(queue.ca_file()), "ca_file"));
  }
  return StatusOf(refusals);
}

absl::Status HostPolicy::MayServe(const std::string& certificate) const {
  return StatusOf(JudgeFile(policy_, Follow(certificate), "the certificate"));
}

absl::Status HostPolicy::MayExec() const {
  return policy_.exec ? absl::OkStatus() : StatusOf({{"commands in its containers", "exec: true"}});
}

}  // namespace drover::agent
