// What a controller may ask of this host (R10.4): the host's own rules, and whether one container is within
// them. Pure: what is asked comes as plain facts, with every symlink already followed
// (runtime/host_policy.h), and the answer names the rule and the key of agent.yaml that would allow it.
//
// Does not judge resources (CPU, memory, disk) nor what a container does once it runs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace drover::agent {

// A list of agent.yaml. The word `default` in it keeps the built-in entries, which docs/host-policy.md names.
struct AllowList {
  bool defaults = true;
  std::vector<std::string> entries;

  friend bool operator==(const AllowList&, const AllowList&) = default;
};

// A path with all that lies below it.
struct AllowedPath {
  std::string path;        // normal
  bool read_only = false;  // to be read only

  friend bool operator==(const AllowedPath&, const AllowedPath&) = default;
};

// A path that no list allows unless it names this very path.
struct GuardedPath {
  std::string path;  // normal
  std::string what;  // "the engine's socket"

  friend bool operator==(const GuardedPath&, const GuardedPath&) = default;
};

struct PortRange {
  uint32_t first = 0;
  uint32_t last = 0;  // included

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Folders that belong to the system, and what is hidden in people's own: patterns, as Meets() takes them.
std::vector<std::string> SystemPlaces();
// The built-in entries of `files`.
std::vector<std::string> DefaultFiles();

struct Policy {
  AllowList images;            // patterns of references
  bool image_digests = false;  // only images that are named by their content

  bool bind_defaults = true;  // everything but system places, and a few files of those to be read
  std::vector<AllowedPath> binds;
  AllowList bind_propagation;
  AllowList files;  // folders: passwords and tokens of probes, secrets and configs on the node, certificates

  AllowList volume_drivers;
  AllowList volume_types;     // of volumes that the driver `local` mounts from somewhere
  AllowList network_drivers;  // of networks that are made for a stack

  bool privileged = false;
  AllowList capabilities;  // beyond the engine's own set
  bool host_network = false;
  bool host_pid = false;
  bool host_ipc = false;
  bool host_uts = false;
  bool host_userns = false;
  AllowList devices;  // paths, patterns of them, folders
  AllowList device_cgroup_rules;
  bool gpus = false;
  AllowList security_opt;
  AllowList sysctls;
  AllowList cgroup_parents;
  AllowList runtimes;
  AllowList annotations;

  std::vector<PortRange> host_ports = {{1, 65535}};
  bool exec = true;  // commands in running containers

  // Not of agent.yaml: what the host is made of.
  std::vector<GuardedPath> guarded;
  std::vector<std::string> system = SystemPlaces();
  std::vector<std::string> default_files = DefaultFiles();

  friend bool operator==(const Policy&, const Policy&) = default;
};

// A path of the host as it was asked for.
struct HostPath {
  std::string written;
  std::vector<std::string> real;  // normal; every place it may lead to. Empty: it leads nowhere that is known
};

struct AskedBind {
  HostPath source;
  bool read_only = false;
  std::string propagation;  // empty: the engine's default
};

// A named volume that is made where there is none.
struct AskedVolume {
  std::string name;
  std::string driver;                          // empty: local
  std::map<std::string, std::string> options;  // of the driver
  HostPath device;                             // option `device`, where it is a path
};

// One container, as far as the host has a say in it. Fields are as in the Engine API.
struct Asked {
  std::string image;                     // what is started: a reference, or an id
  std::string image_written;             // as the Compose file names it; empty: the same
  std::vector<std::string> image_names;  // of an id: references that the host knows it by

  std::vector<AskedBind> binds;
  std::vector<HostPath> files;  // on the node, as content of secrets and configs
  std::vector<AskedVolume> volumes;

  std::string network_mode;
  std::vector<std::string> networks;         // names of all that it joins
  std::vector<std::string> network_drivers;  // of those that are made for the stack; empty text: bridge
  std::string pid;
  std::string ipc;
  std::string uts;
  std::string userns;

  bool privileged = false;
  std::vector<std::string> cap_add;
  std::vector<HostPath> devices;
  std::vector<std::string> device_cgroup_rules;
  bool gpus = false;
  std::vector<std::string> security_opt;
  std::vector<std::string> sysctls;  // names
  std::string cgroup_parent;
  std::string runtime;
  std::vector<std::string> annotations;  // names
  std::vector<uint32_t> host_ports;      // besides those of the agent's own range
};

struct Refusal {
  std::string what;   // "the capability NET_ADMIN"
  std::string allow;  // "capabilities: [NET_ADMIN]", below `policy:`
};

// Everything of `asked` that the host does not allow, in the order of docs/host-policy.md; empty: it may
// start.
std::vector<Refusal> Judge(const Policy& policy, const Asked& asked);

// The part of Judge about which images there may be, for what is only looked up or pulled.
std::vector<Refusal> JudgeImage(const Policy& policy, const Asked& asked);

// One file that the agent reads or mounts for a stack. `what` says what it is for: "password_file".
std::vector<Refusal> JudgeFile(const Policy& policy, const HostPath& file, absl::string_view what);

// The same for certificates of authorities, which nobody has to hide: also where systems keep them.
std::vector<Refusal> JudgeAuthorities(const Policy& policy, const HostPath& file, absl::string_view what);

// "this host refuses the capability NET_ADMIN (agent.yaml: `policy: {capabilities: [NET_ADMIN]}` allows it)".
// Empty for none.
std::string RefusalText(const std::vector<Refusal>& refusals);

}  // namespace drover::agent
