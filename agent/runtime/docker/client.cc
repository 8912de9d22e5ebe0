#include "agent/runtime/docker/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/docker/client_impl.h"
#include "common/status.h"

namespace drover::agent::docker {
namespace {

// The highest version this client was written against; newer engines still speak it.
constexpr int kNewestMinor = 47;
constexpr int kOldestMinor = 41;

// "1.41" → 41; nullopt for anything that is not 1.N.
std::optional<int> MinorOf(const std::string& version) {
  std::vector<std::string> parts = absl::StrSplit(version, '.');
  int minor = 0;
  if (parts.size() != 2 || parts[0] != "1" || !absl::SimpleAtoi(parts[1], &minor)) {
    return std::nullopt;
  }
  return minor;
}

Container::Status StatusOf(const std::string& word) {
  using S = Container::Status;
  static const std::map<std::string, S> kWords = {{"created", S::kCreated},  {"running", S::kRunning},
                                                  {"paused", S::kPaused},    {"restarting", S::kRestarting},
                                                  {"exited", S::kExited},    {"dead", S::kDead},
                                                  {"removing", S::kRemoving}};
  auto it = kWords.find(word);
  return it == kWords.end() ? S::kExited : it->second;
}

std::string Label(const std::map<std::string, std::string>& labels, const char* key) {
  auto it = labels.find(key);
  return it == labels.end() ? "" : it->second;
}

void FillFromLabels(const std::map<std::string, std::string>& labels, Container& container) {
  if (auto id = ParseReplicaId(Label(labels, "io.drover.replica")); id.ok()) {
    container.replica = *id;
  }
  container.cluster = ClusterId(Label(labels, "io.drover.cluster"));
  container.stack = Label(labels, "io.drover.stack");
  container.service = Label(labels, "io.drover.service");
  container.spec_hash = Label(labels, "io.drover.spec");
  if (uint64_t epoch = 0; absl::SimpleAtoi(Label(labels, "io.drover.epoch"), &epoch)) {
    container.epoch = epoch;
  }
}

std::string WithoutSlash(std::string name) { return absl::StartsWith(name, "/") ? name.substr(1) : name; }

// The address on the first bridge; the host's own and `none` have none.
std::string AddressOf(const Json& inspected) {
  const Json& networks = Object(Object(inspected, "NetworkSettings"), "Networks");
  for (const auto& [name, endpoint] : networks.items()) {
    if (std::string address = Text(endpoint, "IPAddress"); !address.empty()) {
      return address;
    }
  }
  return "";
}

Inspected ParseInspect(const Json& json) {
  Inspected result;
  const Json& state = Object(json, "State");
  const Json& config = Object(json, "Config");
  result.labels = TextMap(config, "Labels");
  FillFromLabels(result.labels, result.container);
  result.container.id = Text(json, "Id");
  result.container.name = WithoutSlash(Text(json, "Name"));
  result.container.status = StatusOf(Text(state, "Status"));
  result.container.exit_code = static_cast<int32_t>(Number(state, "ExitCode"));
  result.container.oom_killed = Flag(state, "OOMKilled");
  result.container.pid = static_cast<int32_t>(Number(state, "Pid"));
  if (std::string health = Text(Object(state, "Health"), "Status"); health != "none") {
    result.container.health = health;
  }
  result.container.address = AddressOf(json);
  result.image_id = Text(json, "Image");
  result.stop_signal = Text(config, "StopSignal");
  if (int64_t timeout = Number(config, "StopTimeout"); timeout > 0) {
    result.stop_timeout = absl::Seconds(timeout);
  }
  result.tty = Flag(config, "Tty");
  const Json& host = Object(json, "HostConfig");
  int64_t soft_memory = Number(host, "MemoryReservation");
  result.reserved.memory = Bytes(soft_memory > 0 ? soft_memory : Number(host, "Memory"));
  result.reserved.cpu = MilliCpu(Number(host, "NanoCpus") / 1'000'000);
  std::string policy = Text(Object(host, "RestartPolicy"), "Name");
  result.auto_restart = !policy.empty() && policy != "no";
  if (auto mounts = json.find("Mounts"); mounts != json.end() && mounts->is_array()) {
    for (const Json& mount : *mounts) {
      if (Text(mount, "Type") == "volume" && !Text(mount, "Name").empty()) {
        result.named_volumes.push_back(Text(mount, "Name"));
      }
    }
  }
  result.raw = json.dump();
  return result;
}

NetworkInfo ParseNetwork(const Json& json) {
  NetworkInfo network{Text(json, "Id"), Text(json, "Name"), TextMap(json, "Labels"), {}};
  const Json& ipam = Object(json, "IPAM");
  if (auto configs = ipam.find("Config"); configs != ipam.end() && configs->is_array()) {
    for (const Json& config : *configs) {
      network.subnets.push_back(Text(config, "Subnet"));
    }
  }
  return network;
}

}  // namespace

std::string Text(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

int64_t Number(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<int64_t>() : 0;
}

bool Flag(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

const Json& Object(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  auto it = object.find(key);
  return it != object.end() && it->is_object() ? *it : kEmpty;
}

std::map<std::string, std::string> TextMap(const Json& object, const char* key) {
  std::map<std::string, std::string> result;
  for (const auto& [name, value] : Object(object, key).items()) {
    result[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return result;
}

std::string Filters(const Json& filters) { return absl::StrCat("filters=", UrlEncode(filters.dump())); }

absl::Status Client::Impl::Count(absl::Status status) {
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsCancelled(status)) {
    ++errors_;
  }
  return status;
}

absl::Status Client::Impl::ErrorOf(const HttpAnswer& answer, absl::string_view what) {
  Json json = Json::parse(answer.body, nullptr, false);
  std::string words = json.is_object() ? Text(json, "message") : answer.body;
  if (words.empty()) {
    words = absl::StrCat("HTTP status ", answer.status);
  }
  std::string message = absl::StrCat(what, ": ", words);
  switch (answer.status) {
    case 400:
      return Count(absl::InvalidArgumentError(message));
    case 404:
      return Count(absl::NotFoundError(message));
    case 409:
      return Count(absl::AlreadyExistsError(message));
    default:
      return Count(absl::InternalError(message));
  }
}

absl::StatusOr<Json> Client::Impl::Call(const std::string& method, const std::string& path, const Json& body,
                                        absl::string_view what, Duration deadline) {
  HttpCall call{method, Prefix() + path, body.is_null() ? "" : body.dump(), {}};
  absl::StatusOr<HttpAnswer> answer = transport_.Call(call, deadline);
  if (!answer.ok()) {
    return Count(Annotate(answer.status(), what));
  }
  if (answer->status >= 400) {
    return ErrorOf(*answer, what);
  }
  Json json = Json::parse(answer->body, nullptr, false);
  return json.is_discarded() ? Json() : json;
}

Client::Client(std::string socket_path) : impl_(std::make_shared<Impl>(std::move(socket_path))) {}

absl::StatusOr<EngineVersion> Client::Negotiate() {
  impl_->SetApiVersion("1.41");
  ASSIGN_OR_RETURN(HttpAnswer answer, impl_->transport().Call({"GET", "/version", "", {}}, absl::Seconds(5)));
  if (answer.status != 200) {
    return impl_->ErrorOf(answer, "version");
  }
  Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object()) {
    return absl::InternalError("docker: its version answer is not JSON");
  }
  std::string newest = Text(json, "ApiVersion");
  std::string oldest = Text(json, "MinAPIVersion");
  std::optional<int> newest_minor = MinorOf(newest);
  if (!newest_minor || *newest_minor < kOldestMinor) {
    return absl::FailedPreconditionError(absl::StrCat("docker speaks API ", newest,
                                                      " at most; Drover needs 1.", kOldestMinor,
                                                      " (Docker Engine 20.10) or newer"));
  }
  int minor = std::min(*newest_minor, kNewestMinor);
  if (std::optional<int> floor = MinorOf(oldest); floor && *floor > minor) {
    return absl::FailedPreconditionError(absl::StrCat("docker speaks API ", oldest,
                                                      " at least; this Drover speaks 1.", kNewestMinor,
                                                      " at most: upgrade Drover"));
  }
  std::string api = absl::StrCat("1.", minor);
  impl_->SetApiVersion(api);
  return EngineVersion{Text(json, "Version"), api, Text(json, "KernelVersion"), Text(json, "Os")};
}

absl::StatusOr<EngineInfo> Client::Info() {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", "/info", Json(), "info", absl::Seconds(10)));
  EngineInfo info;
  info.id = Text(json, "ID");
  info.cpus = static_cast<uint32_t>(Number(json, "NCPU"));
  info.memory_bytes = Number(json, "MemTotal");
  info.cgroup_version = Text(json, "CgroupVersion") == "2" ? 2 : 1;
  info.operating_system = Text(json, "OperatingSystem");
  info.os_type = Text(json, "OSType");
  info.architecture = Text(json, "Architecture");
  if (auto labels = json.find("Labels"); labels != json.end() && labels->is_array()) {
    for (const Json& label : *labels) {
      if (label.is_string()) {
        const std::pair<std::string, std::string> parts =
            absl::StrSplit(label.get<std::string>(), absl::MaxSplits('=', 1));
        info.labels.insert(parts);
      }
    }
  }
  return info;
}

absl::StatusOr<std::vector<Container>> Client::List(const std::string& label) {
  std::string filter = label.empty() ? "" : "&" + Filters({{"label", {label}}});
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", "/containers/json?all=1" + filter, Json(), "list"));
  std::vector<Container> result;
  for (const Json& entry : json) {
    Container container;
    FillFromLabels(TextMap(entry, "Labels"), container);
    container.id = Text(entry, "Id");
    container.status = StatusOf(Text(entry, "State"));
    if (auto names = entry.find("Names"); names != entry.end() && names->is_array() && !names->empty()) {
      container.name = WithoutSlash(names->front().get<std::string>());
    }
    result.push_back(std::move(container));
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> Client::ListOnNetwork(const std::string& network) {
  std::string path = "/containers/json?all=1&" + Filters({{"network", {network}}});
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", path, Json(), "list"));
  std::vector<std::string> ids;
  for (const Json& entry : json) {
    ids.push_back(Text(entry, "Id"));
  }
  return ids;
}

absl::StatusOr<Inspected> Client::Inspect(const std::string& id) {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", absl::StrCat("/containers/", UrlEncode(id), "/json"), Json(),
                                          absl::StrCat("inspect ", id.substr(0, 12)), absl::Seconds(10)));
  return ParseInspect(json);
}

absl::StatusOr<Created> Client::Create(const std::string& name, const std::string& platform,
                                       const std::string& body) {
  std::string path = absl::StrCat("/containers/create?name=", UrlEncode(name));
  if (!platform.empty()) {
    absl::StrAppend(&path, "&platform=", UrlEncode(platform));
  }
  ASSIGN_OR_RETURN(Json json, impl_->Call("POST", path, Json::parse(body), absl::StrCat("create ", name),
                                          absl::Minutes(1)));
  Created created{Text(json, "Id"), {}};
  if (auto warnings = json.find("Warnings"); warnings != json.end() && warnings->is_array()) {
    created.warnings = warnings->get<std::vector<std::string>>();
  }
  return created;
}

absl::Status Client::Start(const std::string& id) {
  return impl_
      ->Call("POST", absl::StrCat("/containers/", id, "/start"), Json(),
             absl::StrCat("start ", id.substr(0, 12)), absl::Minutes(1))
      .status();
}

absl::Status Client::Kill(const std::string& id, const std::string& signal) {
  absl::Status status =
      impl_
          ->Call("POST", absl::StrCat("/containers/", id, "/kill?signal=", UrlEncode(signal)), Json(),
                 absl::StrCat("kill ", id.substr(0, 12)))
          .status();
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;  // 409: it does not run
}

absl::Status Client::Unpause(const std::string& id) {
  return impl_
      ->Call("POST", absl::StrCat("/containers/", id, "/unpause"), Json(),
             absl::StrCat("unpause ", id.substr(0, 12)))
      .status();
}

absl::StatusOr<int32_t> Client::Wait(const std::string& id, Duration limit) {
  ASSIGN_OR_RETURN(Json json, impl_->Call("POST", absl::StrCat("/containers/", id, "/wait"), Json(),
                                          absl::StrCat("wait ", id.substr(0, 12)), limit));
  return static_cast<int32_t>(Number(json, "StatusCode"));
}

absl::Status Client::Remove(const std::string& id, bool volumes) {
  absl::Status status = impl_
                            ->Call("DELETE", absl::StrCat("/containers/", id, volumes ? "?v=1" : ""), Json(),
                                   absl::StrCat("remove ", id.substr(0, 12)), absl::Minutes(1))
                            .status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<ImageInfo> Client::InspectImage(const std::string& image) {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", absl::StrCat("/images/", UrlEncode(image), "/json"), Json(),
                                          absl::StrCat("image ", image), absl::Seconds(10)));
  ImageInfo info;
  info.id = Text(json, "Id");
  if (auto digests = json.find("RepoDigests"); digests != json.end() && digests->is_array()) {
    info.repo_digests = digests->get<std::vector<std::string>>();
  }
  const Json& config = Object(json, "Config");
  for (const auto& [key, unused] : Object(config, "ExposedPorts").items()) {
    std::pair<std::string, std::string> parts = absl::StrSplit(key, absl::MaxSplits('/', 1));
    uint32_t port = 0;
    if (parts.second != "udp" && absl::SimpleAtoi(parts.first, &port)) {
      info.exposed_tcp_ports.push_back(port);
    }
  }
  std::sort(info.exposed_tcp_ports.begin(), info.exposed_tcp_ports.end());
  for (const auto& [path, unused] : Object(config, "Volumes").items()) {
    info.volumes.push_back(path);
  }
  return info;
}

absl::StatusOr<NetworkInfo> Client::InspectNetwork(const std::string& name) {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", absl::StrCat("/networks/", UrlEncode(name)), Json(),
                                          absl::StrCat("network ", name), absl::Seconds(10)));
  return ParseNetwork(json);
}

absl::StatusOr<std::vector<NetworkInfo>> Client::ListNetworks() {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", "/networks", Json(), "networks"));
  std::vector<NetworkInfo> result;
  for (const Json& entry : json) {
    result.push_back(ParseNetwork(entry));
  }
  return result;
}

absl::Status Client::CreateNetwork(const NewNetwork& network) {
  Json body = {{"Name", network.name},
               {"CheckDuplicate", true},
               {"Driver", network.driver.empty() ? "bridge" : network.driver},
               {"Internal", network.internal},
               {"Options", network.options},
               {"Labels", network.labels}};
  if (!network.subnet.empty()) {
    body["IPAM"]["Config"] = {{{"Subnet", network.subnet}}};
  }
  return impl_->Call("POST", "/networks/create", body, absl::StrCat("network ", network.name)).status();
}

absl::Status Client::ConnectNetwork(const std::string& network, const std::string& container,
                                    const std::string& endpoint) {
  Json body = {{"Container", container}, {"EndpointConfig", Json::parse(endpoint)}};
  return impl_
      ->Call("POST", absl::StrCat("/networks/", UrlEncode(network), "/connect"), body,
             absl::StrCat("connect ", container.substr(0, 12), " to network ", network))
      .status();
}

absl::Status Client::RemoveNetwork(const std::string& name) {
  return impl_
      ->Call("DELETE", absl::StrCat("/networks/", UrlEncode(name)), Json(), absl::StrCat("network ", name))
      .status();
}

absl::StatusOr<std::map<std::string, std::string>> Client::VolumeLabels(const std::string& name) {
  ASSIGN_OR_RETURN(Json json, impl_->Call("GET", absl::StrCat("/volumes/", UrlEncode(name)), Json(),
                                          absl::StrCat("volume ", name)));
  return TextMap(json, "Labels");
}

absl::Status Client::CreateVolume(const std::string& name, const std::string& driver,
                                  const std::map<std::string, std::string>& options,
                                  const std::map<std::string, std::string>& labels) {
  Json body = {{"Name", name},
               {"Driver", driver.empty() ? "local" : driver},
               {"DriverOpts", options},
               {"Labels", labels}};
  return impl_->Call("POST", "/volumes/create", body, absl::StrCat("volume ", name)).status();
}

absl::Status Client::RemoveVolume(const std::string& name) {
  return impl_
      ->Call("DELETE", absl::StrCat("/volumes/", UrlEncode(name)), Json(), absl::StrCat("volume ", name))
      .status();
}

uint64_t Client::errors() const { return impl_->errors(); }

}  // namespace drover::agent::docker
