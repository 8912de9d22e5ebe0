#include "agent/runtime/host_resources.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/state_dir.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr char kStackLabel[] = "io.drover.stack";

struct Range {
  uint32_t first = 0;
  uint32_t last = 0;
};

std::optional<Range> RangeOf(const std::string& network) {
  std::pair<std::string, std::string> parts = absl::StrSplit(network, absl::MaxSplits('/', 1));
  in_addr address{};
  uint32_t prefix = 0;
  if (inet_pton(AF_INET, parts.first.c_str(), &address) != 1 || !absl::SimpleAtoi(parts.second, &prefix) ||
      prefix > 32) {
    return std::nullopt;
  }
  uint32_t mask = prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix);
  uint32_t first = ntohl(address.s_addr) & mask;
  return Range{first, first | ~mask};
}

std::string AddressText(uint32_t address) {
  return absl::StrFormat("%d.%d.%d.%d", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                         address & 255);
}

template <typename Map>
std::map<std::string, std::string> WithStack(const Map& labels, const std::string& stack) {
  std::map<std::string, std::string> result(labels.begin(), labels.end());
  result[kStackLabel] = stack;
  return result;
}

// The hash names the file; anything else in that place would be a path out of the folder.
absl::Status CheckHash(const v1::FileDigest& file) {
  if (file.sha256().empty() || file.sha256().find_first_not_of("0123456789abcdef") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": its sha256 is not hexadecimal"));
  }
  return absl::OkStatus();
}

absl::Status MakePrivateFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::InternalError(absl::StrCat(path, ": ", error.message()));
  }
  chmod(path.c_str(), 0700);
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> FreeSubnets(const std::string& pool, uint32_t prefix,
                                     const std::vector<std::string>& taken, size_t limit) {
  std::vector<std::string> result;
  std::optional<Range> range = RangeOf(pool);
  if (!range || prefix == 0 || prefix > 30) {
    return result;
  }
  std::vector<Range> used;
  for (const std::string& network : taken) {
    if (std::optional<Range> one = RangeOf(network)) {
      used.push_back(*one);
    }
  }
  uint64_t size = uint64_t{1} << (32 - prefix);
  for (uint64_t first = range->first; first + size - 1 <= range->last && result.size() < limit;
       first += size) {
    uint64_t last = first + size - 1;
    bool free = std::none_of(used.begin(), used.end(),
                             [&](const Range& other) { return first <= other.last && other.first <= last; });
    if (free) {
      result.push_back(absl::StrCat(AddressText(static_cast<uint32_t>(first)), "/", prefix));
    }
  }
  return result;
}

HostResources::HostResources(HostResourcesOptions options, docker::Client* engine)
    : options_(std::move(options)), engine_(engine) {}

absl::Status HostResources::KeepSecrets(const v1::FileContents& contents) {
  RETURN_IF_ERROR(MakePrivateFolder(options_.secrets_dir));
  for (const v1::FileDigest& file : contents.files()) {
    RETURN_IF_ERROR(CheckHash(file));
    RETURN_IF_ERROR(
        WriteDurably(absl::StrCat(options_.secrets_dir, "/", file.sha256()), file.content(), 0444));
  }
  return absl::OkStatus();
}

absl::Status HostResources::Ensure(const v1::ServiceContext& service) {
  for (const v1::NetworkSpec& network : service.networks()) {
    RETURN_IF_ERROR(EnsureNetwork(network, service.stack()));
  }
  for (const v1::VolumeSpec& volume : service.volumes()) {
    RETURN_IF_ERROR(EnsureVolume(volume, service.stack()));
  }
  return absl::OkStatus();
}

absl::Status HostResources::EnsureNetwork(const v1::NetworkSpec& network, const std::string& stack) {
  absl::Status found = engine_->InspectNetwork(network.engine_name()).status();
  if (found.ok() || !absl::IsNotFound(found)) {
    return found;
  }
  if (network.external()) {
    return absl::NotFoundError(absl::StrCat(
        "external network ", network.engine_name(),
        " does not exist on this node; create it with `docker network create ", network.engine_name(), "`"));
  }
  docker::Client::NewNetwork wanted;
  wanted.name = network.engine_name();
  wanted.driver = network.driver();
  wanted.internal = network.internal();
  wanted.options = {network.driver_opts().begin(), network.driver_opts().end()};
  wanted.labels = WithStack(network.labels(), stack);
  absl::Status created =
      options_.address_pool.empty() ? engine_->CreateNetwork(wanted) : CreateFromPool(wanted);
  return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;  // somebody was faster
}

absl::Status HostResources::CreateFromPool(docker::Client::NewNetwork network) {
  ASSIGN_OR_RETURN(std::vector<docker::NetworkInfo> existing, engine_->ListNetworks());
  std::vector<std::string> taken;
  for (const docker::NetworkInfo& one : existing) {
    taken.insert(taken.end(), one.subnets.begin(), one.subnets.end());
  }
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat("address_pool ", options_.address_pool, " has no free /", options_.subnet_prefix,
                   " for network ", network.name, "; widen it or remove unused networks"));
  // A host route may overlap with what looks free; the engine knows.
  for (const std::string& subnet : FreeSubnets(options_.address_pool, options_.subnet_prefix, taken, 8)) {
    network.subnet = subnet;
    status = engine_->CreateNetwork(network);
    if (status.ok() || !absl::StrContains(status.message(), "overlap")) {
      return status;
    }
  }
  return status;
}

absl::Status HostResources::EnsureVolume(const v1::VolumeSpec& volume, const std::string& stack) {
  absl::Status found = engine_->VolumeLabels(volume.engine_name()).status();
  if (found.ok() || !absl::IsNotFound(found)) {
    return found;
  }
  if (volume.external()) {
    return absl::NotFoundError(absl::StrCat(
        "external volume ", volume.engine_name(),
        " does not exist on this node; create it with `docker volume create ", volume.engine_name(), "`"));
  }
  std::map<std::string, std::string> options(volume.driver_opts().begin(), volume.driver_opts().end());
  return engine_->CreateVolume(volume.engine_name(), volume.driver(), options,
                               WithStack(volume.labels(), stack));
}

absl::StatusOr<std::map<std::string, std::string>> HostResources::Files(const v1::ServiceContext& service) {
  std::map<std::string, std::string> result;
  for (const v1::FileDigest& file : service.files()) {
    std::string path = file.node_path();
    if (path.empty()) {
      RETURN_IF_ERROR(CheckHash(file));
    }
    if (path.empty() && file.secret()) {
      path = absl::StrCat(options_.secrets_dir, "/", file.sha256());
      if (access(path.c_str(), R_OK) != 0) {
        return absl::NotFoundError(
            absl::StrCat(file.name(), ": its content has not come from the controller yet"));
      }
    } else if (path.empty()) {
      RETURN_IF_ERROR(MakePrivateFolder(options_.files_dir));
      path = absl::StrCat(options_.files_dir, "/", file.sha256());
      if (access(path.c_str(), R_OK) != 0) {
        RETURN_IF_ERROR(WriteDurably(path, file.content(), 0444));
      }
    } else if (access(path.c_str(), R_OK) != 0) {
      return absl::NotFoundError(absl::StrCat(file.name(), ": file ", path, " does not exist on this node"));
    }
    result[file.name()] = path;
  }
  return result;
}

void HostResources::DropUnusedNetworks(const std::string& stack) {
  std::lock_guard lock(networks_mutex_);
  absl::StatusOr<std::vector<docker::NetworkInfo>> networks = engine_->ListNetworks();
  if (!networks.ok()) {
    return;
  }
  for (const docker::NetworkInfo& network : *networks) {
    auto label = network.labels.find(kStackLabel);
    if (label == network.labels.end() || label->second != stack) {
      continue;
    }
    absl::StatusOr<std::vector<std::string>> users = engine_->ListOnNetwork(network.id);
    if (users.ok() && users->empty()) {
      (void)engine_->RemoveNetwork(network.id);
    }
  }
}

absl::Status HostResources::RemoveVolumes(const std::vector<std::string>& names, const std::string& stack) {
  for (const std::string& name : names) {
    absl::StatusOr<std::map<std::string, std::string>> labels = engine_->VolumeLabels(name);
    if (!labels.ok()) {
      continue;
    }
    auto label = labels->find(kStackLabel);
    if (label == labels->end() || label->second != stack) {
      continue;
    }
    absl::Status removed = engine_->RemoveVolume(name);
    // In use: another replica of the stack still has it, and takes it along when it goes.
    if (!removed.ok() && !absl::IsAlreadyExists(removed) && !absl::IsNotFound(removed)) {
      return removed;
    }
  }
  return absl::OkStatus();
}

}  // namespace drover::agent
