#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/runtime/convert.h"
#include "controller/runtime/validate.h"
#include "controller/runtime/validate_internal.h"

namespace drover::controller {
namespace {

bool IsAbsolute(absl::string_view path) { return absl::StartsWith(path, "/"); }

template <typename List>
bool Has(const List& list, const std::string& engine_name) {
  return std::any_of(list.begin(), list.end(),
                     [&](const auto& entry) { return entry.engine_name() == engine_name; });
}

void CheckMounts(const v1::StackSpec& spec, const v1::ContainerSpec& container, const std::string& path,
                 Faults& faults) {
  std::set<std::string> targets;
  for (int i = 0; i < container.mounts_size(); ++i) {
    const v1::Mount& mount = container.mounts(i);
    const std::string at = absl::StrCat(path, ".mounts[", i, "]");
    if (!IsAbsolute(mount.target())) {
      Add(faults, at + ".target", "must be an absolute path in the container");
    } else if (!targets.insert(mount.target()).second) {
      Add(faults, at + ".target", absl::StrCat(mount.target(), " is mounted twice"));
    }
    switch (mount.type()) {
      case v1::Mount::BIND:
        if (!IsAbsolute(mount.source())) {
          Add(faults, at + ".source", "must be an absolute path on the node");
        }
        break;
      case v1::Mount::VOLUME:
        if (!Has(spec.volumes(), mount.source())) {
          Add(faults, at + ".source",
              absl::StrCat("\"", mount.source(), "\" is no engineName in volumes; declare the volume"));
        }
        break;
      case v1::Mount::TMPFS:
      case v1::Mount::ANONYMOUS:
        break;
      default:
        Add(faults, at + ".type", "is missing; give VOLUME, BIND, TMPFS or ANONYMOUS");
    }
  }
  for (int i = 0; i < container.files_size(); ++i) {
    const v1::FileMount& file = container.files(i);
    const std::string at = absl::StrCat(path, ".files[", i, "]");
    if (!IsAbsolute(file.target())) {
      Add(faults, at + ".target", "must be an absolute path in the container");
    }
    if (std::none_of(spec.files().begin(), spec.files().end(),
                     [&](const v1::FileSpec& f) { return f.name() == file.file(); })) {
      Add(faults, at + ".file", absl::StrCat("no file \"", file.file(), "\" in files; declare it"));
    }
  }
}

void CheckHealth(const v1::Healthcheck& health, const std::string& path, Faults& faults) {
  if (!health.test().empty()) {
    const std::string& first = health.test(0);
    if (first != "CMD" && first != "CMD-SHELL" && first != "NONE") {
      Add(faults, path + ".test", "must begin with CMD, CMD-SHELL or NONE");
    }
  }
  if (!IsUsableDuration(health.interval()) || !IsUsableDuration(health.timeout()) ||
      !IsUsableDuration(health.start_period()) || !IsUsableDuration(health.start_interval())) {
    Add(faults, path, "durations must not be negative");
  }
}

void CheckLimits(const v1::ServiceSpec& service, const std::string& path, Faults& faults) {
  const v1::ContainerSpec& container = service.container();
  if (container.limit_cpu_milli() < 0) {
    Add(faults, path + ".limitCpuMilli", "must not be negative; 0 means no limit");
  }
  // The engine's own lower bound.
  if (container.limit_memory_bytes() < 0 ||
      (container.limit_memory_bytes() > 0 && container.limit_memory_bytes() < (6 << 20))) {
    Add(faults, path + ".limitMemoryBytes", "must be 0 (no limit) or at least 6 MiB");
  }
  if (container.limit_cpu_milli() > 0 && service.reserved_cpu_milli() > container.limit_cpu_milli()) {
    Add(faults, path + ".limitCpuMilli",
        absl::StrCat("must be at least the reservation (", service.reserved_cpu_milli(), "), was ",
                     container.limit_cpu_milli()));
  }
  if (container.limit_memory_bytes() > 0 &&
      service.reserved_memory_bytes() > container.limit_memory_bytes()) {
    Add(faults, path + ".limitMemoryBytes",
        absl::StrCat("must be at least the reservation (", service.reserved_memory_bytes(), "), was ",
                     container.limit_memory_bytes()));
  }
}

}  // namespace

void ContainerFaults(const v1::StackSpec& spec, const v1::ServiceSpec& service, const std::string& path,
                     std::vector<std::string>& faults) {
  const v1::ContainerSpec& container = service.container();
  if (container.image().empty()) {
    Add(faults, path + ".image", "is empty; name the image to run");
  }
  for (int i = 0; i < container.environment_size(); ++i) {
    const std::string& entry = container.environment(i);
    if (entry.find('=') == std::string::npos || entry[0] == '=') {
      Add(faults, absl::StrCat(path, ".environment[", i, "]"), "must be NAME=VALUE");
    }
  }
  CheckMounts(spec, container, path, faults);
  for (int i = 0; i < container.networks_size(); ++i) {
    if (!Has(spec.networks(), container.networks(i).network())) {
      Add(faults, absl::StrCat(path, ".networks[", i, "].network"),
          absl::StrCat("\"", container.networks(i).network(),
                       "\" is no engineName in networks; declare the network"));
    }
  }
  const std::string& signal = container.stop_signal();
  const bool plausible = std::all_of(signal.begin(), signal.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-';
  });
  if (!plausible) {
    Add(faults, path + ".stopSignal", absl::StrCat("\"", signal, "\" is no signal; write SIGTERM or 15"));
  }
  if (!IsUsableDuration(container.stop_grace_period())) {
    Add(faults, path + ".stopGracePeriod", "must not be negative");
  }
  CheckHealth(container.healthcheck(), path + ".healthcheck", faults);
  CheckLimits(service, path, faults);
}

}  // namespace drover::controller
