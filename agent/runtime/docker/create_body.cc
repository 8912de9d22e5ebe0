#include "agent/runtime/docker/create_body.h"

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace drover::agent::docker {
namespace {

using Json = nlohmann::json;

// The engine's durations are nanoseconds; below a millisecond it refuses them.
int64_t Nanoseconds(const google::protobuf::Duration& d) { return d.seconds() * 1'000'000'000 + d.nanos(); }

template <typename Repeated>
void SetList(Json& to, const char* key, const Repeated& values) {
  if (!values.empty()) {
    to[key] = std::vector<std::string>(values.begin(), values.end());
  }
}

void SetText(Json& to, const char* key, const std::string& value) {
  if (!value.empty()) {
    to[key] = value;
  }
}

void SetNumber(Json& to, const char* key, int64_t value) {
  if (value != 0) {
    to[key] = value;
  }
}

void SetFlag(Json& to, const char* key, bool value) {
  if (value) {
    to[key] = true;
  }
}

template <typename Map>
void SetMap(Json& to, const char* key, const Map& values) {
  for (const auto& [name, value] : values) {
    to[key][name] = value;
  }
}

Json Labels(const v1::ServiceContext& context, const ReplicaToCreate& replica) {
  Json labels = Json::object();
  for (const auto& [key, value] : context.container().labels()) {
    // With them `docker compose down` would take the replicas for its own.
    if (key != "com.docker.compose.config-hash" && key != "com.docker.compose.oneoff") {
      labels[key] = value;
    }
  }
  labels["io.drover.cluster"] = replica.cluster.value();
  labels["io.drover.replica"] = ToString(replica.replica);
  labels["io.drover.stack"] = context.stack();
  labels["io.drover.service"] = context.service();
  labels["io.drover.spec"] = context.spec_hash();
  labels["io.drover.epoch"] = absl::StrCat(replica.epoch.value());
  labels["io.drover.number"] = absl::StrCat(replica.number);
  for (const PublishedPort& port : replica.published) {
    labels[absl::StrCat("io.drover.port.", port.container_port)] = absl::StrCat(port.host_port);
  }
  labels["com.docker.compose.project"] = context.stack();
  labels["com.docker.compose.service"] = context.service();
  labels["com.docker.compose.container-number"] = absl::StrCat(replica.number);
  return labels;
}

Json Environment(const v1::ServiceContext& context, const ReplicaToCreate& replica) {
  const auto& given = context.container().environment();
  std::vector<std::string> result(given.begin(), given.end());
  const std::pair<const char*, std::string> own[] = {{"DROVER_REPLICA_ID", ToString(replica.replica)},
                                                     {"DROVER_SERVICE", context.service()},
                                                     {"DROVER_STACK", context.stack()},
                                                     {"DROVER_NODE", replica.node},
                                                     {"DROVER_SLOT", absl::StrCat(replica.number)}};
  for (const auto& [key, value] : own) {
    std::string prefix = absl::StrCat(key, "=");
    bool set = std::any_of(result.begin(), result.end(),
                           [&](const std::string& entry) { return absl::StartsWith(entry, prefix); });
    if (!set) {
      result.push_back(prefix + value);
    }
  }
  return result;
}

std::string PortKey(uint32_t port, v1::Protocol protocol) {
  return absl::StrCat(port, protocol == v1::PROTOCOL_UDP ? "/udp" : "/tcp");
}

void SetPorts(const v1::ServiceContext& context, const ReplicaToCreate& replica, Json& body, Json& host) {
  const v1::ContainerSpec& spec = context.container();
  for (uint32_t port : spec.expose()) {
    body["ExposedPorts"][PortKey(port, v1::PROTOCOL_TCP)] = Json::object();
  }
  if (spec.network_mode() == "host" || spec.network_mode() == "none") {
    return;
  }
  auto publish = [&](const std::string& key, const std::string& address, uint32_t host_port) {
    body["ExposedPorts"][key] = Json::object();
    host["PortBindings"][key].push_back({{"HostIp", address}, {"HostPort", absl::StrCat(host_port)}});
  };
  for (const PublishedPort& port : replica.published) {
    publish(PortKey(port.container_port, v1::PROTOCOL_TCP), replica.advertise_address, port.host_port);
  }
  for (const v1::PortSpec& port : context.host_ports()) {
    publish(PortKey(port.target(), port.protocol()),
            port.host_ip().empty() ? replica.advertise_address : port.host_ip(), port.published());
  }
}

Json MountOf(const v1::Mount& mount) {
  static const char* const kTypes[] = {"volume", "volume", "bind", "tmpfs", "volume"};
  Json json = {{"Type", kTypes[mount.type()]}, {"Target", mount.target()}};
  SetText(json, "Source", mount.source());
  SetFlag(json, "ReadOnly", mount.read_only());
  switch (mount.type()) {
    case v1::Mount::BIND:
      SetText(json["BindOptions"], "Propagation", mount.propagation());
      break;
    case v1::Mount::TMPFS:
      SetNumber(json["TmpfsOptions"], "SizeBytes", mount.tmpfs_size_bytes());
      SetNumber(json["TmpfsOptions"], "Mode", mount.tmpfs_mode());
      break;
    default:
      SetFlag(json["VolumeOptions"], "NoCopy", mount.no_copy());
      break;
  }
  for (const char* key : {"BindOptions", "TmpfsOptions", "VolumeOptions"}) {
    if (json.contains(key) && json[key].is_null()) {
      json.erase(key);
    }
  }
  return json;
}

// "source:target:options": only this form knows SELinux labels and creates a missing host path.
std::string BindOf(const v1::Mount& mount) {
  std::vector<std::string> options = {mount.read_only() ? "ro" : "rw"};
  for (const std::string& option : {mount.selinux(), mount.propagation()}) {
    if (!option.empty()) {
      options.push_back(option);
    }
  }
  return absl::StrCat(mount.source(), ":", mount.target(), ":", absl::StrJoin(options, ","));
}

void SetMounts(const v1::ContainerSpec& spec, const ReplicaToCreate& replica, Json& host) {
  for (const v1::Mount& mount : spec.mounts()) {
    bool as_bind = mount.type() == v1::Mount::BIND && (mount.create_host_path() || !mount.selinux().empty());
    if (as_bind) {
      host["Binds"].push_back(BindOf(mount));
    } else {
      host["Mounts"].push_back(MountOf(mount));
    }
  }
  for (const v1::FileMount& file : spec.files()) {
    auto path = replica.files.find(file.file());
    if (path != replica.files.end()) {
      host["Mounts"].push_back(
          {{"Type", "bind"}, {"Source", path->second}, {"Target", file.target()}, {"ReadOnly", true}});
    }
  }
  SetMap(host, "Tmpfs", spec.tmpfs());
}

Json EndpointOf(const v1::ServiceContext& context, const v1::NetworkAttachment& network) {
  Json endpoint = Json::object();
  std::vector<std::string> aliases = {context.service()};
  aliases.insert(aliases.end(), network.aliases().begin(), network.aliases().end());
  endpoint["Aliases"] = aliases;
  SetText(endpoint["IPAMConfig"], "IPv4Address", network.ipv4_address());
  SetText(endpoint["IPAMConfig"], "IPv6Address", network.ipv6_address());
  if (endpoint["IPAMConfig"].is_null()) {
    endpoint.erase("IPAMConfig");
  }
  return endpoint;
}

void SetNetworks(const v1::ServiceContext& context, Json& body, Json& host) {
  const v1::ContainerSpec& spec = context.container();
  if (!spec.network_mode().empty()) {
    host["NetworkMode"] = spec.network_mode();
  } else if (!spec.networks().empty()) {
    const v1::NetworkAttachment& first = spec.networks(0);
    host["NetworkMode"] = first.network();
    body["NetworkingConfig"]["EndpointsConfig"][first.network()] = EndpointOf(context, first);
  }
}

void SetHealthcheck(const v1::ContainerSpec& spec, int api_minor, Json& body) {
  if (!spec.has_healthcheck()) {
    return;
  }
  const v1::Healthcheck& check = spec.healthcheck();
  Json json = Json::object();
  SetList(json, "Test", check.test());
  SetNumber(json, "Interval", Nanoseconds(check.interval()));
  SetNumber(json, "Timeout", Nanoseconds(check.timeout()));
  SetNumber(json, "StartPeriod", Nanoseconds(check.start_period()));
  if (api_minor >= 44) {
    SetNumber(json, "StartInterval", Nanoseconds(check.start_interval()));
  }
  SetNumber(json, "Retries", check.retries());
  body["Healthcheck"] = json;
}

void SetResources(const v1::ContainerSpec& spec, Json& host) {
  SetNumber(host, "NanoCpus", spec.limit_cpu_milli() * 1'000'000);
  SetNumber(host, "Memory", spec.limit_memory_bytes());
  SetNumber(host, "MemorySwap", spec.memory_swap_bytes());
  SetNumber(host, "MemoryReservation", spec.memory_reservation_bytes());
  SetNumber(host, "PidsLimit", spec.limit_pids());
  SetNumber(host, "CpuShares", spec.cpu_shares());
  SetNumber(host, "CpuQuota", spec.cpu_quota_us());
  SetNumber(host, "CpuPeriod", spec.cpu_period_us());
  SetText(host, "CpusetCpus", spec.cpuset());
  SetNumber(host, "ShmSize", spec.shm_size_bytes());
  SetNumber(host, "OomScoreAdj", spec.oom_score_adj());
  SetFlag(host, "OomKillDisable", spec.oom_kill_disable());
  SetText(host, "CgroupParent", spec.cgroup_parent());
  for (const v1::Ulimit& limit : spec.ulimits()) {
    host["Ulimits"].push_back({{"Name", limit.name()}, {"Soft", limit.soft()}, {"Hard", limit.hard()}});
  }
  SetList(host, "DeviceCgroupRules", spec.device_cgroup_rules());
  for (const v1::Device& device : spec.devices()) {
    host["Devices"].push_back(
        {{"PathOnHost", device.host_path()},
         {"PathInContainer", device.container_path()},
         {"CgroupPermissions", device.permissions().empty() ? "rwm" : device.permissions()}});
  }
  for (const v1::DeviceRequest& request : spec.device_requests()) {
    Json json = {{"Count", request.count()}};
    SetText(json, "Driver", request.driver());
    SetList(json, "DeviceIDs", request.device_ids());
    if (!request.capabilities().empty()) {
      json["Capabilities"] = {
          std::vector<std::string>(request.capabilities().begin(), request.capabilities().end())};
    }
    SetMap(json, "Options", request.options());
    host["DeviceRequests"].push_back(json);
  }
}

void SetIsolation(const v1::ContainerSpec& spec, int api_minor, Json& host) {
  SetList(host, "CapAdd", spec.cap_add());
  SetList(host, "CapDrop", spec.cap_drop());
  SetList(host, "SecurityOpt", spec.security_opt());
  SetList(host, "GroupAdd", spec.group_add());
  SetFlag(host, "Privileged", spec.privileged());
  SetFlag(host, "ReadonlyRootfs", spec.read_only());
  if (spec.has_init()) {
    host["Init"] = spec.init();
  }
  SetMap(host, "Sysctls", spec.sysctls());
  SetMap(host, "StorageOpt", spec.storage_opt());
  if (api_minor >= 43) {
    SetMap(host, "Annotations", spec.annotations());
  }
  SetText(host, "IpcMode", spec.ipc());
  SetText(host, "PidMode", spec.pid());
  SetText(host, "UTSMode", spec.uts());
  SetText(host, "UsernsMode", spec.userns_mode());
  SetText(host, "Runtime", spec.runtime());
  SetText(host, "Isolation", spec.isolation());
}

void SetProcess(const v1::ContainerSpec& spec, Json& body) {
  if (spec.command_set() || !spec.command().empty()) {
    body["Cmd"] = std::vector<std::string>(spec.command().begin(), spec.command().end());
  }
  if (spec.entrypoint_set() || !spec.entrypoint().empty()) {
    // The engine takes an empty list for "not given"; one empty string clears the image's.
    body["Entrypoint"] = spec.entrypoint().empty()
                             ? std::vector<std::string>{""}
                             : std::vector<std::string>(spec.entrypoint().begin(), spec.entrypoint().end());
  }
  SetText(body, "WorkingDir", spec.working_dir());
  SetText(body, "User", spec.user());
  SetText(body, "Hostname", spec.hostname());
  SetText(body, "Domainname", spec.domainname());
  SetText(body, "StopSignal", spec.stop_signal());
  if (spec.has_stop_grace_period()) {
    // For whoever stops it by hand; whole seconds, rounded up.
    const auto& grace = spec.stop_grace_period();
    body["StopTimeout"] = grace.seconds() + (grace.nanos() > 0 ? 1 : 0);
  }
  SetFlag(body, "Tty", spec.tty());
  SetFlag(body, "OpenStdin", spec.stdin_open());
}

// Adds to `out` every leaf of `asked` that `got` lacks or has otherwise. Lists are compared whole, except
// that the engine may append to them (Env).
void Compare(const Json& asked, const Json& got, const std::string& path, std::vector<std::string>& out) {
  if (asked.is_object()) {
    for (const auto& [key, value] : asked.items()) {
      std::string here = path.empty() ? key : absl::StrCat(path, ".", key);
      auto it = got.is_object() ? got.find(key) : got.end();
      bool missing = !got.is_object() || it == got.end();
      if (missing && !(value.is_object() && value.empty())) {
        out.push_back(here);
      } else if (!missing) {
        Compare(value, *it, here, out);
      }
    }
    return;
  }
  if (asked.is_array()) {
    for (const Json& value : asked) {
      bool found = got.is_array() && std::find_if(got.begin(), got.end(), [&](const Json& candidate) {
                                       std::vector<std::string> inner;
                                       Compare(value, candidate, "", inner);
                                       return inner.empty();
                                     }) != got.end();
      if (!found) {
        out.push_back(path);
        return;
      }
    }
    return;
  }
  if (asked != got) {
    out.push_back(path.empty() ? "value" : path);
  }
}

}  // namespace

std::string CreateBody(const v1::ServiceContext& context, const ReplicaToCreate& replica) {
  const v1::ContainerSpec& spec = context.container();
  Json body = Json::object();
  Json host = Json::object();
  body["Image"] = replica.image;
  body["Labels"] = Labels(context, replica);
  body["Env"] = Environment(context, replica);
  SetProcess(spec, body);
  SetHealthcheck(spec, replica.api_minor, body);
  SetPorts(context, replica, body, host);
  SetMounts(spec, replica, host);
  SetNetworks(context, body, host);
  SetResources(spec, host);
  SetIsolation(spec, replica.api_minor, host);
  SetList(host, "ExtraHosts", spec.extra_hosts());
  SetList(host, "Dns", spec.dns());
  SetList(host, "DnsSearch", spec.dns_search());
  SetList(host, "DnsOptions", spec.dns_opt());
  if (!spec.log_driver().empty() || !spec.log_options().empty()) {
    SetText(host["LogConfig"], "Type", spec.log_driver());
    SetMap(host["LogConfig"], "Config", spec.log_options());
  }
  // R3.7: the agent restarts, so that after a boot nothing runs that nobody decided.
  host["RestartPolicy"] = {{"Name", "no"}};
  body["HostConfig"] = host;
  return body.dump();
}

std::vector<Endpoint> MoreNetworks(const v1::ServiceContext& context) {
  std::vector<Endpoint> result;
  const auto& networks = context.container().networks();
  if (context.container().network_mode().empty()) {
    for (int i = 1; i < networks.size(); ++i) {
      result.push_back({networks[i].network(), EndpointOf(context, networks[i]).dump()});
    }
  }
  return result;
}

std::string ContainerName(const v1::ServiceContext& context, uint32_t number, int attempt) {
  const std::string& given = context.container().container_name();
  std::string name =
      given.empty() ? absl::StrCat(context.stack(), "-", context.service(), "-", number) : given;
  return attempt == 0 ? name : absl::StrCat(name, "-", attempt + 1);
}

std::vector<std::string> Dropped(const std::string& body, const std::string& inspected) {
  Json asked = Json::parse(body, nullptr, false);
  Json got = Json::parse(inspected, nullptr, false);
  std::vector<std::string> out;
  if (!asked.is_object() || !got.is_object()) {
    return out;
  }
  Json host = asked["HostConfig"];
  asked.erase("HostConfig");
  // Reformed by the engine, not dropped: the image's name, networks, an entrypoint that was cleared.
  for (const char* key : {"Image", "NetworkingConfig", "Entrypoint"}) {
    asked.erase(key);
  }
  host.erase("NetworkMode");
  Compare(asked, got.value("Config", Json::object()), "", out);
  Compare(host, got.value("HostConfig", Json::object()), "HostConfig", out);
  return out;
}

}  // namespace drover::agent::docker
