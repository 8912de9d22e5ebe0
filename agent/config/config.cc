#include "agent/config/config.h"

#include <arpa/inet.h>

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/config/policy_reader.h"
#include "agent/config/yaml_reader.h"
#include "agent/core/host_path.h"
#include "common/address.h"

namespace drover::agent {
namespace {

constexpr char kPortsWanted[] = "a range such as 20000-29999, within 1-65535";
constexpr char kAddressWanted[] = "host:port, such as 10.0.0.1:7400";

bool ParseCpus(const std::string& text, MilliCpu* out) {
  double cpus = 0;
  if (!absl::SimpleAtod(text, &cpus) || !(cpus >= 0) || cpus > 100000) {
    return false;
  }
  *out = MilliCpu(std::llround(cpus * 1000));
  return true;
}

// "512M", "1.5g", "4gb", "1048576": 1024-based, as in Compose.
bool ParseBytes(const std::string& text, Bytes* out) {
  std::string lower = absl::AsciiStrToLower(text);
  size_t digits = lower.find_first_not_of("0123456789.");
  std::string unit = digits == std::string::npos ? "" : lower.substr(digits);
  double number = 0;
  if (!absl::SimpleAtod(lower.substr(0, digits), &number)) {
    return false;
  }
  static const std::map<std::string, int> kShift = {
      {"", 0},     {"b", 0},  {"k", 10},  {"kb", 10},  {"kib", 10}, {"m", 20},  {"mb", 20},
      {"mib", 20}, {"g", 30}, {"gb", 30}, {"gib", 30}, {"t", 40},   {"tb", 40}, {"tib", 40}};
  auto it = kShift.find(unit);
  if (it == kShift.end() || number * std::ldexp(1, it->second) > 9e18) {
    return false;
  }
  *out = Bytes(std::llround(number * std::ldexp(1, it->second)));
  return true;
}

std::string CheckCpus(const std::string& text, std::optional<MilliCpu>* out) {
  MilliCpu value;
  if (!ParseCpus(text, &value)) {
    return "a number of CPUs, such as 3.5";
  }
  *out = value;
  return "";
}

std::string CheckBytes(const std::string& text, std::optional<Bytes>* out) {
  Bytes value;
  if (!ParseBytes(text, &value)) {
    return "a size, such as 512M or 8G";
  }
  *out = value;
  return "";
}

std::string CheckIp(const std::string& text, std::string* out) {
  unsigned char buffer[16];
  if (inet_pton(AF_INET, text.c_str(), buffer) != 1 && inet_pton(AF_INET6, text.c_str(), buffer) != 1) {
    return "an IP address, such as 10.0.0.7";
  }
  *out = text;
  return "";
}

std::string CheckPortRange(const std::string& text, Config* config) {
  std::vector<std::string> parts = absl::StrSplit(text, '-');
  uint32_t first = 0;
  uint32_t last = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &first) || !absl::SimpleAtoi(parts[1], &last) ||
      first == 0 || first > last || last > 65535) {
    return kPortsWanted;
  }
  config->port_first = first;
  config->port_last = last;
  return "";
}

std::string CheckPool(const std::string& text, Config* config) {
  std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  uint32_t prefix = 0;
  in_addr address{};
  if (inet_pton(AF_INET, parts.first.c_str(), &address) != 1 || !absl::SimpleAtoi(parts.second, &prefix) ||
      prefix < 8 || prefix > 24) {
    return "an IPv4 network with a prefix of 8 to 24, such as 10.200.0.0/16";
  }
  config->address_pool = text;
  return "";
}

void ReadControllers(MapReader& top, Faults& faults, Config& config) {
  YAML::Node node = top.Get("controllers");
  if (!node.IsDefined()) {
    return;
  }
  if (!node.IsSequence()) {
    faults.Add(node, "controllers", "is not a list; write `controllers: [10.0.0.1:7400]`");
    return;
  }
  for (const YAML::Node& entry : node) {
    if (!entry.IsScalar() || !SplitAddress(entry.Scalar()).ok()) {
      faults.Add(entry, absl::StrCat("controllers[", config.controllers.size(), "]"),
                 absl::StrCat("is not an address; write ", kAddressWanted));
      continue;
    }
    config.controllers.push_back(entry.Scalar());
  }
}

void ReadCapacity(MapReader& top, Faults& faults, Config& config) {
  MapReader capacity(top.Get("capacity"), "capacity", &faults);
  capacity.Parsed("cpus", "3.5",
                  [&](const std::string& text) { return CheckCpus(text, &config.capacity_cpu); });
  capacity.Parsed("memory", "8G",
                  [&](const std::string& text) { return CheckBytes(text, &config.capacity_memory); });
  capacity.Finish();
}

void ReadReserve(MapReader& top, Faults& faults, Config& config) {
  YAML::Node node = top.Get("reserve");
  if (node.IsDefined() && node.IsScalar()) {
    double percent = 0;
    absl::string_view text = node.Scalar();
    if (!absl::ConsumeSuffix(&text, "%") || !absl::SimpleAtod(text, &percent) || percent < 0 ||
        percent > 90) {
      faults.Add(node, "reserve",
                 absl::StrCat("\"", node.Scalar(),
                              "\" is not valid; write 5% (0 to 90), or {cpus: 0.5, memory: 512M}"));
      return;
    }
    config.reserve.fraction = percent / 100;
    return;
  }
  MapReader reserve(node, "reserve", &faults);
  reserve.Parsed("cpus", "0.5",
                 [&](const std::string& text) { return CheckCpus(text, &config.reserve.cpu); });
  reserve.Parsed("memory", "512M",
                 [&](const std::string& text) { return CheckBytes(text, &config.reserve.memory); });
  reserve.Finish();
}

void ReadDocker(MapReader& top, Faults& faults, Config& config) {
  MapReader docker(top.Get("docker"), "docker", &faults);
  docker.Text("socket", "a path, such as /var/run/docker.sock", &config.docker_socket);
  docker.Text("config", "the path of a config.json", &config.docker_config);
  docker.Finish();
}

void ReadRegistries(MapReader& top, Faults& faults, Config& config) {
  YAML::Node node = top.Get("registries");
  if (!node.IsDefined()) {
    return;
  }
  if (!node.IsMap()) {
    faults.Add(node, "registries",
               "is not a map; write `registry.example.com: {username: …, password_file: …}`");
    return;
  }
  for (const auto& entry : node) {
    std::string host = entry.first.Scalar();
    std::string path = absl::StrCat("registries.", host);
    MapReader reader(entry.second, path, &faults);
    RegistryConfig registry;
    reader.Text("username", "a name", &registry.username);
    reader.Text("password", "a password", &registry.password);
    reader.Text("password_file", "a path", &registry.password_file);
    reader.Finish();
    if (registry.username.empty() || registry.password.empty() == registry.password_file.empty()) {
      faults.Add(entry.first, path,
                 "is incomplete; give `username` and one of `password` and `password_file`");
    }
    config.registries[host] = registry;
  }
}

void ReadTls(MapReader& top, Faults& faults, Config& config) {
  YAML::Node node = top.Get("tls");
  if (!node.IsDefined()) {
    return;
  }
  if (node.IsScalar()) {
    if (node.Scalar() == "off" || node.Scalar() == "false") {
      config.tls_off = true;
    } else {
      faults.Add(node, "tls",
                 absl::StrCat("\"", node.Scalar(), "\" is not valid; write off, or {cert, key, ca}"));
    }
    return;
  }
  MapReader reader(node, "tls", &faults);
  TlsFiles files;
  reader.Text("cert", "a path", &files.cert);
  reader.Text("key", "a path", &files.key);
  reader.Text("ca", "a path", &files.ca);
  reader.Finish();
  if (files.cert.empty() || files.key.empty() || files.ca.empty()) {
    faults.Add(node, "tls", "is incomplete; give the three files `cert`, `key` and `ca`");
  }
  config.tls = files;
}

HaproxyConfig ReadHaproxy(MapReader haproxy) {
  HaproxyConfig values;
  haproxy.Text("program", "a path, such as /usr/sbin/haproxy", &values.program);
  haproxy.Parsed("bind", "an IP address",
                 [&](const std::string& text) { return CheckIp(text, &values.bind); });
  haproxy.Text("socket", "the path of an admin socket, or its ADDRESS:PORT", &values.socket);
  haproxy.Text("config_dir", "a path", &values.config_dir);
  haproxy.Parsed("behind_proxy", "true or false", [&](const std::string& text) {
    values.behind_proxy = text == "true";
    return text == "true" || text == "false" ? "" : "true or false";
  });
  haproxy.Finish();
  return values;
}

NginxConfig ReadNginx(MapReader nginx) {
  NginxConfig values;
  nginx.Text("program", "a path, such as /usr/sbin/nginx", &values.program);
  nginx.Parsed("bind", "an IP address", [&](const std::string& text) { return CheckIp(text, &values.bind); });
  nginx.Text("config_dir", "a path", &values.config_dir);
  nginx.Text("include_dir", "a folder that the http block of your nginx includes", &values.include_dir);
  nginx.Text("pid_file", "the path of your nginx' pid file", &values.pid_file);
  nginx.Text("config", "the path of your nginx' configuration", &values.config);
  nginx.Finish();
  return values;
}

void ReadEdge(MapReader& top, Faults& faults, Config& config) {
  const YAML::Node node = top.Get("edge");
  if (!node.IsDefined()) {
    return;
  }
  MapReader edge(node, "edge", &faults);
  const bool haproxy = node.IsMap() && node["haproxy"].IsDefined();
  const bool nginx = node.IsMap() && node["nginx"].IsDefined();
  const YAML::Node of_haproxy = edge.Get("haproxy");
  const YAML::Node of_nginx = edge.Get("nginx");
  edge.Finish();
  if (haproxy == nginx) {
    faults.Add(node, "edge",
               haproxy ? "names two load balancers; an agent drives one, write `edge: {haproxy: {}}`"
                       : "names no load balancer; write `edge: {haproxy: {}}`");
    return;
  }
  if (haproxy) {
    config.haproxy = ReadHaproxy(MapReader(of_haproxy, "edge.haproxy", &faults));
  } else {
    config.nginx = ReadNginx(MapReader(of_nginx, "edge.nginx", &faults));
  }
}

// What the engine says of the host has names of its own among the labels.
void ReadLabels(MapReader& top, Faults& faults, Config& config) {
  top.TextMap("labels", &config.labels);
  for (const auto& [name, value] : config.labels) {
    if (absl::StartsWith(name, "node.") || absl::StartsWith(name, "engine.")) {
      faults.Add(top.Get("labels"), absl::StrCat("labels.", name),
                 "names that begin with node. or engine. are taken; write what follows node.labels.");
    }
  }
}

void ReadTop(MapReader& top, Faults& faults, Config& config) {
  ReadControllers(top, faults, config);
  top.Text("state_dir", "a path", &config.state_dir);
  top.Parsed("node_id", "16 hex digits", [&](const std::string& text) {
    config.node_id = text;
    bool hex = text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
    return hex ? "" : "16 lower-case hex digits, or leave it out";
  });
  top.Text("name", "a name", &config.name);
  ReadLabels(top, faults, config);
  ReadCapacity(top, faults, config);
  ReadReserve(top, faults, config);
  top.Parsed("advertise_address", "an IP address",
             [&](const std::string& text) { return CheckIp(text, &config.advertise_address); });
  top.Parsed("port_range", kPortsWanted,
             [&](const std::string& text) { return CheckPortRange(text, &config); });
  top.Parsed("address_pool", "a network", [&](const std::string& text) { return CheckPool(text, &config); });
  ReadDocker(top, faults, config);
  ReadRegistries(top, faults, config);
  ReadTls(top, faults, config);
  ReadEdge(top, faults, config);
  config.policy = ReadPolicy(top, faults);
  MapReader metrics(top.Get("metrics"), "metrics", &faults);
  metrics.Parsed("listen", kAddressWanted, [&](const std::string& text) {
    config.metrics_listen = text == "off" || text == "false" ? "" : text;
    return config.metrics_listen.empty() || SplitAddress(text).ok() ? "" : "host:port, or off";
  });
  metrics.Finish();
  top.Finish();
}

void Apply(const Overrides& overrides, Faults& faults, Config& config) {
  config.join = overrides.join;
  if (!overrides.controller.empty()) {
    config.controllers = absl::StrSplit(overrides.controller, ',');
    for (const std::string& address : config.controllers) {
      if (!SplitAddress(address).ok()) {
        faults.Add({}, "--controller",
                   absl::StrCat("\"", address, "\" is not valid; write ", kAddressWanted));
      }
    }
  }
  if (!overrides.state_dir.empty()) {
    config.state_dir = overrides.state_dir;
  }
  if (!overrides.name.empty()) {
    config.name = overrides.name;
  }
  if (!overrides.advertise_address.empty()) {
    if (!CheckIp(overrides.advertise_address, &config.advertise_address).empty()) {
      faults.Add({}, "--advertise-address",
                 absl::StrCat("\"", overrides.advertise_address, "\" is not an IP address"));
    }
  }
  if (overrides.edge == "haproxy") {
    config.haproxy = config.haproxy.value_or(HaproxyConfig{});
    config.nginx.reset();
  } else if (overrides.edge == "nginx") {
    config.nginx = config.nginx.value_or(NginxConfig{});
    config.haproxy.reset();
  } else if (!overrides.edge.empty()) {
    faults.Add({}, "--edge", absl::StrCat("\"", overrides.edge, "\" is not valid; write haproxy or nginx"));
  }
}

// R10.4: what gives away the host, the node's place in the cluster, or a registry.
void Guard(Config& config) {
  const auto guard = [&config](const std::string& path, const char* what) {
    if (const std::optional<std::string> normal = NormalPath(path)) {
      config.policy.guarded.push_back({*normal, what});
    }
  };
  guard(config.docker_socket, "the engine's socket");
  for (const char* socket : {"/run/docker.sock", "/run/containerd/containerd.sock"}) {
    guard(socket, "the engine's socket");
  }
  guard(config.state_dir, "the agent's state");
  guard("/run/drover-agent", "the secrets of stacks");
  guard(config.docker_config, "the credentials of registries");
  for (const auto& [host, registry] : config.registries) {
    guard(registry.password_file, "the credentials of registries");
  }
  if (config.tls) {
    guard(config.tls->key, "the agent's key");
  }
}

// What holds for the whole, after the command line.
void CheckWhole(Faults& faults, const Config& config) {
  if (config.controllers.empty()) {
    faults.Add({}, "controllers",
               "no controller is given; join a cluster (--join TOKEN@HOST), or write "
               "`controllers: [10.0.0.1:7400]` or --controller 10.0.0.1:7400");
  }
  for (const std::string& address : config.controllers) {
    auto split = SplitAddress(address);
    if (split.ok() && !IsLoopback(split->first) && !config.tls && !config.tls_off) {
      faults.Add(
          {}, "tls",
          absl::StrCat(
              "is absent, and ", address,
              " is not on this host; join the cluster (--join TOKEN@HOST), give {cert, key, ca}, or write "
              "`tls: off` for a plain connection"));
      break;
    }
  }
}

}  // namespace

absl::StatusOr<std::pair<std::string, uint32_t>> SplitAddress(const std::string& address) {
  size_t colon = address.rfind(':');
  uint32_t port = 0;
  std::string host = address.substr(0, colon == std::string::npos ? 0 : colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ":")) {
    host.clear();
  }
  if (host.empty() || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not ", kAddressWanted));
  }
  return std::make_pair(host, port);
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& file,
                                   const Overrides& overrides) {
  Faults faults(file);
  Config config;
  try {
    YAML::Node root = YAML::Load(text);
    MapReader top(root, "", &faults);
    ReadTop(top, faults, config);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", error.mark.line + 1, ":", error.mark.column + 1,
                                                   ": ", error.msg, "; this is not YAML"));
  }
  Apply(overrides, faults, config);
  if (!overrides.member) {
    CheckWhole(faults, config);
  }
  if (absl::Status status = faults.status(); !status.ok()) {
    return status;
  }
  Guard(config);
  return config;
}

std::string MetricsAddress(const Config& config) {
  const absl::StatusOr<std::pair<std::string, uint32_t>> listen = SplitAddress(config.metrics_listen);
  if (!listen.ok() || (IsLoopback(listen->first) && !IsLoopback(config.advertise_address))) {
    return "";
  }
  const bool everywhere = listen->first.empty() || listen->first == "0.0.0.0" || listen->first == "::";
  return HostPort(everywhere ? config.advertise_address : listen->first, listen->second);
}

}  // namespace drover::agent
