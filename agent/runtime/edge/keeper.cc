#include "agent/runtime/edge/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr auto kAfterFailure = std::chrono::seconds(1);
constexpr auto kAfterStart = std::chrono::milliseconds(50);

// Returns when the process has ended, or can't be watched.
void AwaitEnd(int pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    std::this_thread::sleep_for(kAfterStart);
    return;
  }
  pollfd wait{fd, POLLIN, 0};
  while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
  }
  close(fd);
}

void Keep(const Kept& kept) {
  while (access(kept.config.c_str(), F_OK) == 0) {
    if (const std::optional<int> pid = kept.pid()) {
      AwaitEnd(*pid);
      continue;
    }
    const absl::Status status = kept.start();
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    }
    std::this_thread::sleep_for(status.ok() ? std::chrono::milliseconds(kAfterStart) : kAfterFailure);
  }
}

}  // namespace

StartLock::StartLock(const KeeperFiles& files)
    : fd_(open(files.start_lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

StartLock::~StartLock() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

absl::Status EnsureKept(const KeeperCall& call, const KeeperFiles& files) {
  if (LivePid(files.pid, files.dir)) {
    return absl::OkStatus();
  }
  const std::vector<std::string> argv = {call.agent, "keep-edge", call.kind, call.program, files.dir};
  ASSIGN_OR_RETURN(const RunResult result,
                   RunProgram(OutsideUnitCgroup(call.cgroup, argv), files.output, absl::Seconds(2)));
  if (result.exit_code != 0) {
    return absl::InternalError(
        absl::StrCat("nobody keeps ", call.kind, " running without the agent: ", result.output));
  }
  return absl::OkStatus();
}

int KeepInBackground(const Kept& kept) {
  const int lock = open(kept.files.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    std::fprintf(stderr, "%s: %s\n", kept.files.lock.c_str(), std::strerror(errno));
    return 1;
  }
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return 0;
  }
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    return 1;
  }
  if (child == 0) {
    Keep(kept);  // with the lock, which both share
    _exit(0);
  }
  const absl::Status written = WriteFileAtomically(kept.files.pid, absl::StrCat(child, "\n"));
  if (!written.ok()) {
    std::fprintf(stderr, "%s\n", std::string(written.message()).c_str());
  }
  return written.ok() ? 0 : 1;
}

}  // namespace drover::agent
