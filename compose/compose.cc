#include "compose/compose.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compose/assemble.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

bool IsServiceName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
  });
}

// True when none of the service's profiles is asked for.
bool IsOff(const Node& service, const std::vector<std::string>& active, FaultList& faults) {
  const Node* profiles = service.Find("profiles");
  if (profiles == nullptr || profiles->is_null()) {
    return false;
  }
  const std::vector<std::string> wanted = ReadTexts(*profiles, faults);
  return !wanted.empty() && std::none_of(wanted.begin(), wanted.end(), [&](const std::string& profile) {
    return std::find(active.begin(), active.end(), profile) != active.end() ||
           std::find(active.begin(), active.end(), "*") != active.end();
  });
}

std::vector<ServiceRead> ReadServices(Reading& r) {
  std::vector<ServiceRead> services;
  std::set<std::string> off;
  const Node* section = r.in.tree.Find("services");
  if (section == nullptr || !section->is_map()) {
    if (r.faults.ok()) {
      r.faults.Add(section == nullptr ? r.in.tree.mark : section->mark,
                   "there are no services; write `services: {web: {image: …}}`");
    }
    return services;
  }
  for (const Entry& entry : section->entries) {
    if (!IsServiceName(entry.key)) {
      r.faults.Add(entry.mark,
                   absl::StrCat("\"", entry.key, "\" is no service name; write letters, digits, - _ and ."));
    } else if (!entry.value.is_map()) {
      r.faults.Add(entry.mark,
                   absl::StrCat("service \"", entry.key, "\" is no map; write `image:` under it"));
    } else if (IsOff(entry.value, r.in.profiles, r.faults)) {
      off.insert(entry.key);
    } else {
      services.push_back(ReadService(entry, r));
    }
  }
  std::sort(services.begin(), services.end(),
            [](const ServiceRead& a, const ServiceRead& b) { return a.spec.name() < b.spec.name(); });
  CheckDependencies(services, off, r);
  CheckServices(services, r);
  return services;
}

std::vector<Fault> Sorted(std::vector<Fault> faults) {
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return faults;
}

v1::StackSpec MakeStack(const Reading& r, std::vector<ServiceRead> services) {
  v1::StackSpec spec;
  spec.set_name(r.in.project);
  for (ServiceRead& s : services) {
    *spec.add_services() = std::move(s.spec);
  }
  for (const auto& [name, queue] : r.queues) {
    *spec.add_queues() = queue;
  }
  for (const auto& [name, volume] : r.volumes) {
    if (r.used_volumes.count(name) > 0) {
      *spec.add_volumes() = volume;
    }
  }
  for (const auto& [name, network] : r.networks) {
    if (r.used_networks.count(name) > 0) {
      *spec.add_networks() = network;
    }
  }
  for (const auto& [name, file] : r.files) {
    if (r.used_files.count(name) > 0) {
      *spec.add_files() = file;
    }
  }
  return spec;
}

}  // namespace

LoadResult Load(const LoadOptions& options) {
  FaultList faults;
  v1::StackSpec spec;
  if (const auto assembled = Assemble(options, faults)) {
    Reading reading{.in = *assembled, .faults = faults};
    ReadTopLevel(reading);
    spec = MakeStack(reading, ReadServices(reading));
  }
  if (!faults.ok()) {
    return Refused{.faults = Sorted(faults.errors()), .warnings = Sorted(faults.warnings())};
  }
  return Loaded{.spec = std::move(spec),
                .warnings = Sorted(faults.warnings()),
                .deploy_faults = Sorted(faults.deploy())};
}

}  // namespace drover::compose
