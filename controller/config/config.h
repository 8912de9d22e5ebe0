// The checked configuration of a controller: complete and immutable. Only Validate and Load make one.
//
// The keys, their defaults and their meaning are listed in deploy/config/controller.yaml.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "common/units.h"
#include "controller/config/raw.h"
#include "controller/core/core.h"

namespace drover::controller {

struct Config {
  struct Tls {
    std::string cert;  // PEM files
    std::string key;
    std::string ca;
  };

  std::string state_dir = "/var/lib/drover";
  std::string grpc_listen = "127.0.0.1:7400";
  std::string http_listen = "127.0.0.1:7401";
  std::string xds_listen = "127.0.0.1:7402";
  Duration xds_remember = absl::Seconds(60);
  std::string metrics_listen;  // /metrics, health and http_sd, plain and without a token; empty: none
  std::optional<Tls> tls;      // files; absent: see below
  // By the cluster's own authority; of a listener beyond loopback when nothing else is written.
  bool own_tls_grpc = false;
  bool own_tls_http = false;
  bool own_tls_xds = false;
  bool plain_beyond_loopback = false;  // `tls: off` is written and an address is reachable from outside
  bool token_needed = false;           // by callers of the API
  std::vector<std::string> advertise;  // names and addresses of this controller, for its certificate
  Duration certificate_life = absl::Hours(24 * 90);
  Duration audit_keep = absl::Hours(24 * 400);
  std::string log_level = "info";  // debug, info, warning, error
  bool log_json = false;
  size_t events_kept = 10000;

  struct History {
    Bytes max_bytes = Bytes(int64_t{1} << 30);
    Duration full_for = absl::Hours(24);
    Duration keep = absl::Hours(7 * 24);
  };

  // A balancer that is told its backends by POST.
  struct Webhook {
    std::string name;  // as `pull` in x-edge has it
    std::string url;
    std::string secret_file;  // its content signs what is sent
  };

  std::vector<Webhook> webhooks;
  History history;
  CoreOptions core;
};

// Checks everything and reports every fault at once: InvalidArgument with one line a fault,
// "PLACE: KEY: what is wrong; what would be right". TLS files must exist and be readable.
absl::StatusOr<Config> Validate(const raw::Config& raw);

// Flags that stand above the file: key path → value, with the flag's name as place.
struct Override {
  std::string key;
  std::string value;
  std::string flag;
};

// Reads `file` (empty: none, all defaults), puts `overrides` above it and validates. NotFound when the
// file can't be opened.
absl::StatusOr<Config> Load(const std::string& file, const std::vector<Override>& overrides);

// "127.0.0.1:7400" → ("127.0.0.1", 7400); "[::1]:7400" likewise. InvalidArgument says what is wrong.
struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> ParseAddress(const std::string& text);

// True for addresses that no other host reaches: 127.0.0.0/8, ::1, localhost.
bool IsLoopback(const std::string& host);

}  // namespace drover::controller
