// The way to the agents, for everything that is not an order of the core: image resolution, logs,
// exec, checks of balancers. Thread-safe; called by HTTP handlers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/time.h"

namespace drover::controller {

// What a node knows of an image.
struct ImageInfo {
  NodeId node;
  bool present = false;
  std::string image_id;     // "sha256:…"
  std::string repo_digest;  // "name@sha256:…"; empty: none
  std::string error;        // the registry's or engine's words
  std::vector<uint32_t> exposed_ports;
  std::vector<std::string> volumes;
};

// A piece of a log or of exec's output.
struct OutputChunk {
  std::string data;
  uint32_t source = 1;  // 1 stdout, 2 stderr
  bool end = false;
  int32_t exit_code = 0;
  std::string error;
};

struct LogQuery {
  ReplicaId replica;
  bool follow = false;
  int32_t tail = -1;  // negative: all
  int64_t since_unix = 0;
  bool timestamps = false;
};

struct ExecQuery {
  ReplicaId replica;
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string user;
  std::string working_dir;
  std::string input;
};

// Delivers chunks until it is destroyed or the last one had `end`. Destroying cancels the request.
class OutputStream {
 public:
  virtual ~OutputStream() = default;
  // Waits for the next chunk; DeadlineExceeded after `timeout`, Unavailable when the node is gone.
  virtual absl::StatusOr<OutputChunk> Next(Duration timeout) = 0;
};

// A backend set at the balancer of a node, by its handle.
struct EdgeCheckQuery {
  NodeId node;
  uint32_t set = 0;
};

struct EdgeCheckLine {
  std::string name;
  bool ok = false;
  bool unseen = false;  // could not be looked at; `ok` means nothing then
  std::string detail;
};

// What a node says of a backend set at a balancer of somebody else's.
struct EdgeCheckAnswer {
  NodeId node;
  std::string snippet;  // the lines that the balancer's own configuration needs; empty: it is managed
  std::vector<EdgeCheckLine> checks;
  std::string error;  // why nothing could be looked at
};

class AgentLink {
 public:
  virtual ~AgentLink() = default;

  virtual std::vector<NodeId> ConnectedNodes() const = 0;
  // Asks every node given, in parallel; nodes that do not answer in time are left out.
  virtual std::vector<ImageInfo> ResolveImage(const std::string& image, const std::vector<NodeId>& nodes,
                                              bool pull, Duration timeout) = 0;
  // Asks all, in parallel; as many answers, absent where none came in time.
  virtual std::vector<std::optional<EdgeCheckAnswer>> CheckEdges(const std::vector<EdgeCheckQuery>& queries,
                                                                 Duration timeout) = 0;
  virtual absl::StatusOr<std::unique_ptr<OutputStream>> OpenLog(NodeId node, const LogQuery& query) = 0;
  virtual absl::StatusOr<std::unique_ptr<OutputStream>> Exec(NodeId node, const ExecQuery& query) = 0;
};

}  // namespace drover::controller
