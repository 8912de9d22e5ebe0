#include "agent/runtime/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/convert.h"
#include "common/files.h"
#include "common/status.h"
#include "drover/v1/agent_state.pb.h"

namespace drover::agent {
namespace {

absl::Status Errno(absl::string_view what) { return absl::ErrnoToStatus(errno, what); }

}  // namespace

absl::StatusOr<std::unique_ptr<StateDir>> StateDir::Open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrCat("state_dir ", path, ": ", error.message()));
  }
  chmod(path.c_str(), 0700);
  std::string lock = path + "/lock";
  int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Errno(absl::StrCat("state_dir ", lock));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return absl::AlreadyExistsError(
        absl::StrCat("state_dir ", path,
                     " is in use by another drover-agent; stop it, or give this one "
                     "a --state-dir of its own"));
  }
  return std::unique_ptr<StateDir>(new StateDir(path, fd));
}

StateDir::~StateDir() { close(lock_fd_); }

absl::StatusOr<StateDir::Node> StateDir::BindNode(const std::string& configured,
                                                  const std::string& engine_id) {
  std::string file = path_ + "/node";
  absl::StatusOr<std::string> stored = ReadWhole(file);
  std::string id;
  std::string bound_to;
  if (stored.ok()) {
    std::vector<std::string> words = absl::StrSplit(*stored, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    id = words.empty() ? "" : words[0];
    bound_to = words.size() > 1 ? words[1] : "";
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  if (!configured.empty()) {
    id = configured;
  }
  if (id.empty()) {
    std::random_device random;
    id = HexId((uint64_t{random()} << 32) | random());
  }
  if (!bound_to.empty() && !engine_id.empty() && bound_to != engine_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("state_dir ", path_, " belongs to node ", id, " on Docker Engine ", bound_to,
                     ", but this host's engine is ", engine_id,
                     "; it was copied or the engine was set up anew: start with an empty state_dir"));
  }
  std::string bound = engine_id.empty() ? bound_to : engine_id;
  RETURN_IF_ERROR(WriteDurably(file, absl::StrCat(id, " ", bound, "\n"), 0600));
  return Node{NodeId(id), bound};
}

absl::StatusOr<HeldAssignment> StateDir::LoadHeld() const {
  std::string file = path_ + "/assignment.pb";
  absl::StatusOr<std::string> bytes = ReadWhole(file);
  if (absl::IsNotFound(bytes.status())) {
    return HeldAssignment{};
  }
  if (!bytes.ok()) {
    return bytes.status();
  }
  v1::HeldState state;
  if (!state.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat(file,
                                            " is damaged; move it away: the agent then asks the "
                                            "controller for the whole assignment"));
  }
  return HeldFromProto(state);
}

absl::Status StateDir::StoreHeld(const HeldAssignment& held) const {
  return WriteDurably(path_ + "/assignment.pb", HeldToProto(held).SerializeAsString(), 0600);
}

}  // namespace drover::agent
