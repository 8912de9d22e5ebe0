#include "agent/runtime/edge/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (absl::StrContains(name, '/')) {
    return access(name.c_str(), X_OK) == 0
               ? absl::StatusOr<std::string>(name)
               : absl::NotFoundError(absl::StrCat(name, ": ", std::strerror(errno)));
  }
  const char* path = std::getenv("PATH");
  const std::string folders = absl::StrCat(path == nullptr ? "" : path, ":/usr/local/sbin:/usr/sbin:/sbin");
  for (const absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
    const std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return absl::NotFoundError(absl::StrCat(
      name, ": not found in ", folders, "; install it (Debian: apt-get install ", name, ") or set its path"));
}

absl::StatusOr<RunResult> RunProgram(const std::vector<std::string>& argv, const std::string& output_path,
                                     absl::Duration limit) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);

  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv.front().c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::InternalError(absl::StrCat(argv.front(), ": ", std::strerror(error)));
  }

  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(limit);
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return absl::DeadlineExceededError(
          absl::StrCat(absl::StrJoin(argv, " "), ": did not end within ", absl::FormatDuration(limit)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  RunResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ASSIGN_OR_RETURN(result.output, ReadWholeFile(output_path));
  return result;
}

namespace {

// The files by which a process joins the control group `name` beside the units; none where the agent is in no
// unit's group, or may not make one.
std::vector<std::string> JoinFiles(const std::string& name) {
  std::vector<std::string> files;
  const absl::StatusOr<std::string> own = ReadWholeFile("/proc/self/cgroup");
  for (const absl::string_view line : absl::StrSplit(own.value_or(""), '\n', absl::SkipEmpty())) {
    const bool unified = absl::StartsWith(line, "0::");
    if ((!unified && !absl::StrContains(line, ":name=systemd:")) || !absl::EndsWith(line, ".service")) {
      continue;
    }
    const bool v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    const std::string root = absl::StrCat("/sys/fs/cgroup", v2 ? "" : unified ? "/unified" : "/systemd");
    const std::string group = absl::StrCat(root, "/", name);
    (void)mkdir(group.c_str(), 0755);
    files.push_back(group + "/cgroup.procs");
  }
  return files;
}

}  // namespace

std::vector<std::string> OutsideUnitCgroup(const std::string& name, const std::vector<std::string>& argv) {
  const std::vector<std::string> files = JoinFiles(name);
  if (files.empty()) {
    return argv;
  }
  // A group that cannot be joined is no reason not to start.
  std::string script;
  for (const std::string& file : files) {
    absl::StrAppend(&script, "(echo $$ >", file, ") 2>/dev/null; ");
  }
  std::vector<std::string> out = {"/bin/sh", "-c", script + "exec \"$@\"", "sh"};
  out.insert(out.end(), argv.begin(), argv.end());
  return out;
}

std::optional<int> LivePid(const std::string& pid_file, const std::string& mark) {
  const absl::StatusOr<std::string> text = ReadWholeFile(pid_file);
  int pid = 0;
  if (!text.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &pid) || pid <= 1) {
    return std::nullopt;
  }
  // Pids are used again: it is ours only while its command line has `mark`.
  const absl::StatusOr<std::string> command = ReadWholeFile(absl::StrCat("/proc/", pid, "/cmdline"));
  return command.ok() && absl::StrContains(*command, mark) ? std::optional<int>(pid) : std::nullopt;
}

std::vector<int> ProcessesWith(const std::string& argument) {
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) {
      continue;
    }
    const absl::StatusOr<std::string> command = ReadWholeFile(absl::StrCat("/proc/", pid, "/cmdline"));
    const std::vector<absl::string_view> words =
        command.ok() ? std::vector<absl::string_view>(absl::StrSplit(*command, '\0'))
                     : std::vector<absl::string_view>();
    if (std::find(words.begin(), words.end(), argument) != words.end()) {
      pids.push_back(pid);
    }
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace drover::agent
