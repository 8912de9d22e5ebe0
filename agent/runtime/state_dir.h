// The agent's folder on disk: who this node is, and the last assignment (R1.6, R1.7). One agent at a
// time: the folder is locked while it is open.
//
//   STATE_DIR/lock             flock
//   STATE_DIR/node             node id and the engine id that it belongs to
//   STATE_DIR/assignment.pb    drover.v1.HeldState
//   STATE_DIR/files/           content of configs, by hash
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/event.h"
#include "common/files.h"
#include "common/ids.h"

namespace drover::agent {

class StateDir {
 public:
  // Makes the folder (0700) when there is none. AlreadyExists: another agent holds it;
  // PermissionDenied and the like with the path.
  static absl::StatusOr<std::unique_ptr<StateDir>> Open(const std::string& path);
  ~StateDir();
  StateDir(const StateDir&) = delete;
  StateDir& operator=(const StateDir&) = delete;

  struct Node {
    NodeId id;
    std::string engine_id;  // that it is bound to; empty: none seen yet
  };

  // The node's id: stored, or `configured`, or a new random one; bound to the first `engine_id` that is
  // given (empty: not known now). FailedPrecondition when it is bound to another engine: the folder was
  // copied from another host.
  absl::StatusOr<Node> BindNode(const std::string& configured, const std::string& engine_id);

  // The default when nothing was stored; DataLoss when the file cannot be read.
  absl::StatusOr<HeldAssignment> LoadHeld() const;
  // Durable when it returns OK (fsync, atomic rename).
  absl::Status StoreHeld(const HeldAssignment& held) const;

  const std::string& path() const { return path_; }

 private:
  StateDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_;
};

}  // namespace drover::agent
