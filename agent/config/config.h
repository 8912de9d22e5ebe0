// The agent's configuration: agent.yaml as text → checked values. All faults of a file are reported at
// once, each as "FILE:LINE:COLUMN: key.path: what is wrong; what would be right".
//
// Does not look at the host: names, addresses and capacity that are not given are found by main.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/policy.h"
#include "common/time.h"
#include "common/units.h"

namespace drover::agent {

struct TlsFiles {
  std::string cert;  // PEM; its subject names the node id
  std::string key;
  std::string ca;           // who signed the controller's certificate
  std::string server_name;  // that the controller's certificate must have; empty: that of its host

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct RegistryConfig {
  std::string username;
  std::string password;       // one of the two
  std::string password_file;  // read at every pull

  friend bool operator==(const RegistryConfig&, const RegistryConfig&) = default;
};

struct HaproxyConfig {
  std::string program = "haproxy";
  std::string bind = "0.0.0.0";  // address of published ports
  std::string socket;            // path or ADDRESS:PORT, of a foreign HAProxy to attach to; empty: managed
  std::string config_dir;        // empty: STATE_DIR/haproxy
  bool behind_proxy = false;     // another proxy comes first: its X-Forwarded headers are kept
};

struct NginxConfig {
  std::string program = "nginx";
  std::string bind = "0.0.0.0";             // address of published ports
  std::string config_dir;                   // empty: STATE_DIR/nginx
  std::string include_dir;                  // of a foreign nginx to attach to; empty: managed
  std::string pid_file = "/run/nginx.pid";  // of the foreign nginx
  std::string config;                       // of the foreign nginx; empty: the one it was built with
};

// What Drover leaves alone on a host (R3.5).
struct Reserve {
  double fraction = 0.05;                // of CPU and memory; used when the two below are not given
  Bytes memory_min{int64_t{256} << 20};  // at least this much memory
  std::optional<MilliCpu> cpu;
  std::optional<Bytes> memory;
};

struct Config {
  std::vector<std::string> controllers;  // "host:port", tried in turn; empty: those of the cluster joined
  std::string join;                      // "TOKEN@HOST[:7401]"; empty: not now
  std::string state_dir = "/var/lib/drover-agent";
  std::string node_id;                        // empty: random, made at first start
  std::string name;                           // empty: the host's name
  std::map<std::string, std::string> labels;  // for placement
  std::optional<MilliCpu> capacity_cpu;       // absent: found
  std::optional<Bytes> capacity_memory;
  Reserve reserve;
  std::string advertise_address;  // empty: the address of the route to the controller
  uint32_t port_first = 20000;    // both ends included
  uint32_t port_last = 29999;
  std::string address_pool;           // "10.200.0.0/16"; empty: the engine chooses
  uint32_t address_pool_subnet = 24;  // prefix length of each stack network
  std::string docker_socket = "/var/run/docker.sock";
  std::string docker_config = "/root/.docker/config.json";  // registry credentials; need not exist
  std::map<std::string, RegistryConfig> registries;         // by host
  std::optional<TlsFiles> tls;
  bool tls_off = false;                  // written out: plain connections also outside loopback
  std::optional<HaproxyConfig> haproxy;  // at most one of the two
  std::optional<NginxConfig> nginx;
  std::string metrics_listen = "127.0.0.1:7410";  // empty: none
  Policy policy;                                  // with what of the above is the agent's alone (R10.4)
};

// What the command line adds to the file or replaces of it; empty: nothing.
struct Overrides {
  std::string controller;
  std::string state_dir;
  std::string name;
  std::string advertise_address;
  std::string edge;  // "haproxy", "nginx"
  std::string join;  // "TOKEN@HOST[:7401]"
  // A cluster was joined or is about to be: controllers and certificates need not be given.
  bool member = false;
};

// `text` of the file named `file` (for messages), with `overrides` over it. InvalidArgument with one
// fault a line.
absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& file,
                                   const Overrides& overrides);

// Host and port of "host:port" or "[v6]:port"; InvalidArgument otherwise.
absl::StatusOr<std::pair<std::string, uint32_t>> SplitAddress(const std::string& address);
// True for 127.0.0.0/8, ::1 and localhost.
bool IsLoopback(const std::string& host);
// HOST:PORT at which the controller's Prometheus reads the agent's metrics; empty: it can't, because they are
// off or on the loopback of a host that others reach by another address.
std::string MetricsAddress(const Config& config);

}  // namespace drover::agent
