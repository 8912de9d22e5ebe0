// The part of the Docker Engine API that the agent uses, typed. Every call has a deadline of its own;
// errors carry the engine's words and these codes: NotFound (404), AlreadyExists (409), InvalidArgument
// (400), Unavailable (no engine), DeadlineExceeded, Internal (the rest).
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/core/event.h"
#include "agent/runtime/docker/transport.h"
#include "common/time.h"
#include "common/units.h"

namespace drover::agent::docker {

struct EngineVersion {
  std::string version;
  std::string api_version;  // the one in use: the lower of the engine's and ours
  std::string kernel;
  std::string os;
};

struct EngineInfo {
  std::string id;
  uint32_t cpus = 0;
  int64_t memory_bytes = 0;
  uint32_t cgroup_version = 1;
  std::string operating_system;
  std::string os_type;                        // "linux"
  std::string architecture;                   // "x86_64"
  std::map<std::string, std::string> labels;  // of the daemon's configuration
};

// A container as `inspect` shows it: the core's view of it and what only the runtime needs.
struct Inspected {
  Container container;
  std::map<std::string, std::string> labels;
  std::string image_id;
  std::string stop_signal;               // empty: SIGTERM
  std::optional<Duration> stop_timeout;  // absent: the engine's default
  bool tty = false;
  bool auto_restart = false;               // the engine would restart it by itself (R3.7)
  Resources reserved;                      // reservations, else limits; zero: none
  std::vector<std::string> named_volumes;  // mounted, by engine name
  std::string raw;                         // the whole JSON answer
};

struct Created {
  std::string id;
  std::vector<std::string> warnings;
};

struct ImageInfo {
  std::string id;
  std::vector<std::string> repo_digests;    // "name@sha256:..."
  std::vector<uint32_t> exposed_tcp_ports;  // ascending
  std::vector<std::string> volumes;         // sorted
};

struct NetworkInfo {
  std::string id;
  std::string name;
  std::map<std::string, std::string> labels;
  std::vector<std::string> subnets;
};

struct EngineEvent {
  std::string action;  // "start", "die", "destroy", "health_status: healthy", "oom", ...
  std::string container_id;
  std::map<std::string, std::string> attributes;  // labels, exitCode, name
};

struct LogOptions {
  bool follow = false;
  int32_t tail = -1;       // negative: all
  int64_t since_unix = 0;  // 0: from the start
  bool timestamps = false;
};

struct ExecOptions {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string user;
  std::string working_dir;
  bool tty = false;
  std::string input;  // given whole to its standard input; empty: none
};

// 1: standard output, 2: standard error. False ends the stream.
using OutputSink = std::function<bool(int source, absl::string_view data)>;

class Client {
 public:
  explicit Client(std::string socket_path);

  // Asks for the version and settles on the highest API version that both know; FailedPrecondition when
  // there is none. Every other call before it speaks 1.41. Call again after the engine was away.
  absl::StatusOr<EngineVersion> Negotiate();
  absl::StatusOr<EngineInfo> Info();

  // Containers, running or not, that have `label` ("key" or "key=value"; empty: all). Their health, pid
  // and address are not in a list: inspect for those.
  absl::StatusOr<std::vector<Container>> List(const std::string& label);
  // Ids of the containers, running or not, that use this network.
  absl::StatusOr<std::vector<std::string>> ListOnNetwork(const std::string& network);
  absl::StatusOr<Inspected> Inspect(const std::string& id);

  // `body` from create_body.h.
  absl::StatusOr<Created> Create(const std::string& name, const std::string& platform,
                                 const std::string& body);
  // OK when it runs already.
  absl::Status Start(const std::string& id);
  // OK when it does not run.
  absl::Status Kill(const std::string& id, const std::string& signal);
  absl::Status Unpause(const std::string& id);
  // The exit code, once it does not run; DeadlineExceeded when it still runs after `limit`.
  absl::StatusOr<int32_t> Wait(const std::string& id, Duration limit);
  // Ended containers only. OK when it does not exist. With its anonymous volumes when `volumes`.
  absl::Status Remove(const std::string& id, bool volumes);

  // Blocks until the image is there. `auth` is the X-Registry-Auth value; empty: none. The error is the
  // registry's. `idle` is the longest silence between two lines of progress.
  absl::Status Pull(const std::string& image, const std::string& platform, const std::string& auth,
                    Duration idle, const std::shared_ptr<Cancel>& cancel);
  absl::StatusOr<ImageInfo> InspectImage(const std::string& image);

  absl::StatusOr<NetworkInfo> InspectNetwork(const std::string& name);
  absl::StatusOr<std::vector<NetworkInfo>> ListNetworks();

  struct NewNetwork {
    std::string name;
    std::string driver;  // empty: bridge
    std::string subnet;  // empty: the engine chooses
    bool internal = false;
    std::map<std::string, std::string> options;
    std::map<std::string, std::string> labels;
  };

  // AlreadyExists when there is one of that name.
  absl::Status CreateNetwork(const NewNetwork& network);
  // `endpoint`: JSON of an EndpointSettings, from create_body.h.
  absl::Status ConnectNetwork(const std::string& network, const std::string& container,
                              const std::string& endpoint);
  absl::Status RemoveNetwork(const std::string& name);

  // Labels of a volume; NotFound when there is none.
  absl::StatusOr<std::map<std::string, std::string>> VolumeLabels(const std::string& name);
  absl::Status CreateVolume(const std::string& name, const std::string& driver,
                            const std::map<std::string, std::string>& options,
                            const std::map<std::string, std::string>& labels);
  absl::Status RemoveVolume(const std::string& name);

  // Blocks: events of containers with `label`, from `since_unix` (0: from now), until cancelled or the
  // engine goes away.
  absl::Status Events(const std::string& label, int64_t since_unix,
                      const std::function<void(const EngineEvent&)>& sink,
                      const std::shared_ptr<Cancel>& cancel);
  // Blocks until the log ends (never, with follow, while it runs), `sink` says stop, or cancelled.
  absl::Status Logs(const std::string& id, const LogOptions& options, const OutputSink& sink,
                    const std::shared_ptr<Cancel>& cancel);
  // Runs a command in the container to its end; its exit code.
  absl::StatusOr<int32_t> Exec(const std::string& id, const ExecOptions& options, const OutputSink& sink,
                               const std::shared_ptr<Cancel>& cancel);

  // Calls that failed for another reason than NotFound, since start; for /metrics.
  uint64_t errors() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace drover::agent::docker
