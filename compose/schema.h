// The schema of a Compose file: the parts of the reader that turn the assembled tree into messages.
// One file a part; this header is what they share. Every key of the Compose specification is known
// here: honoured, warned about, or refused with its reason.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compose/assemble.h"
#include "compose/read.h"
#include "drover/v1/cluster.pb.h"

namespace drover::compose {

// What the file declares beside services, and which of it services use.
struct Reading {
  const Assembled& in;
  FaultList& faults;
  std::map<std::string, v1::VolumeSpec> volumes = {};
  std::map<std::string, v1::NetworkSpec> networks = {};
  std::map<std::string, v1::FileSpec> files = {};  // "config/NAME", "secret/NAME"
  std::map<std::string, v1::QueueSpec> queues = {};
  std::set<std::string> used_volumes = {};
  std::set<std::string> used_networks = {};
  std::set<std::string> used_files = {};
};

// One service with the places of what later checks judge.
struct ServiceRead {
  v1::ServiceSpec spec;
  Mark mark;                          // of its name
  std::map<std::string, Mark> marks;  // of keys that were written: "ports", "x-autoscale", …

  struct Port {
    v1::PortSpec spec;
    Mark mark;
    bool ingress = false;  // `mode: ingress` written out
    bool any_host_port = false;
  };

  std::vector<Port> ports;

  struct Written {  // a mount, and how its source was written
    v1::Mount mount;
    std::string source;
    Mark mark;
  };

  std::vector<Written> mounts;
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;
  std::map<std::string, Mark> depends_marks;
  std::vector<Mark> edge_marks;
  std::vector<Mark> signal_marks;
  bool build = false;
  bool restart_no = false;
  bool run_written = false;
  bool replicas_written = false;
  bool priority_written = false;

  // The place of `key`, or of the service when it was not written.
  Mark At(const std::string& key) const {
    auto it = marks.find(key);
    return it == marks.end() ? mark : it->second;
  }
};

// ---- handlers of single keys ----
Key TextKey(absl::string_view name, Reading& r, std::string* target);
Key TextsKey(absl::string_view name, Reading& r, google::protobuf::RepeatedPtrField<std::string>* target);
Key MapKey(absl::string_view name, Reading& r, google::protobuf::Map<std::string, std::string>* target);
// Read, but not honoured: a warning "NAME is not honoured: REASON".
Key WarnedKey(absl::string_view name, Reading& r, absl::string_view reason);
// A fault "NAME is not supported: REASON".
Key RefusedKey(absl::string_view name, Reading& r, absl::string_view reason);

// ---- parts ----
// Volumes, networks, configs, secrets and x-queues into `r`.
void ReadTopLevel(Reading& r);
void ReadQueues(const Entry& entry, Reading& r);
ServiceRead ReadService(const Entry& entry, Reading& r);
void AddContainerKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys);
void AddResourceKeys(ServiceRead& s, Reading& r, std::vector<Key>& keys);
void AddUnsupportedKeys(Reading& r, std::vector<Key>& keys);
void ReadEnvironmentOf(const Node& service, ServiceRead& s, Reading& r);
void ReadPorts(const Entry& entry, ServiceRead& s, Reading& r);
void ReadMounts(const Entry& entry, ServiceRead& s, Reading& r);
void ReadFileMounts(const Entry& entry, bool secret, ServiceRead& s, Reading& r);
void ReadNetworksOf(const Entry& entry, ServiceRead& s, Reading& r);
void ReadHealthcheck(const Entry& entry, ServiceRead& s, Reading& r);
void ReadDeploy(const Entry& entry, ServiceRead& s, Reading& r);
// One entry of `gpus` or of `deploy.resources.reservations.devices`.
void ReadDeviceRequest(const Node& item, absl::string_view where, v1::DeviceRequest* request, Reading& r);
void ReadAutoscale(const Entry& entry, ServiceRead& s, Reading& r);
// x-priority, and priority in x-autoscale: who gives room to whom (R10.3).
void ReadPriority(const Entry& entry, ServiceRead& s, Reading& r);
// Keys of x-autoscale that belong to certain families of rules only, and what fits together (`policy`).
void AddPolicyKeys(v1::AutoscaleSpec* autoscale, Reading& r, std::vector<Key>& keys);
void CheckPolicy(const Entry& entry, const v1::AutoscaleSpec& autoscale, Reading& r);
// The load balancers measure it.
bool IsOfBalancer(const v1::SignalSpec& signal);
void ReadSchedule(const Entry& entry, v1::ScheduleSignal* schedule, Reading& r);
void ReadEdges(const Entry& entry, ServiceRead& s, Reading& r);
void ReadReady(const Entry& entry, ServiceRead& s, Reading& r);
void ReadRun(const Entry& entry, ServiceRead& s, Reading& r);
void ReadPlacement(const Entry& entry, ServiceRead& s, Reading& r);
// A global service has no count of its own.
void CheckGlobal(ServiceRead& s, Reading& r);

// Sets limits and reservations once, and faults when a second key says something else.
void SetOnce(std::optional<int64_t> value, int64_t current, const Entry& entry, absl::string_view other,
             FaultList& faults, const std::function<void(int64_t)>& set);

// What concerns several keys or services: references, cycles, pinning, ports, counts. Completes the
// services (pinning, published and routed ports).
void CheckServices(std::vector<ServiceRead>& services, Reading& r);
// dependencies of `services`: existence, profiles (names in `off`), cycles.
void CheckDependencies(std::vector<ServiceRead>& services, const std::set<std::string>& off, Reading& r);

}  // namespace drover::compose
