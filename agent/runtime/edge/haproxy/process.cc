#include "agent/runtime/edge/haproxy/process.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/runtime/edge/keeper.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr char kCgroup[] = "drover-haproxy";

// The lines of HAProxy's output that say what is wrong.
std::string Alerts(const std::string& output) {
  std::vector<absl::string_view> alerts;
  for (absl::string_view line : absl::StrSplit(output, '\n', absl::SkipWhitespace())) {
    if (absl::ConsumePrefix(&line, "[ALERT]")) {
      const size_t colon = line.find(" : ");
      alerts.push_back(colon == absl::string_view::npos ? line : line.substr(colon + 3));
    }
  }
  return alerts.empty() ? output.substr(0, 400) : absl::StrJoin(alerts, "; ").substr(0, 800);
}

}  // namespace

HaproxyProcess::HaproxyProcess(std::string program, HaproxyPaths paths)
    : program_(std::move(program)), paths_(std::move(paths)) {}

absl::Status HaproxyProcess::Check(const std::string& config) const {
  RETURN_IF_ERROR(WriteFileAtomically(paths_.checked, config));
  ASSIGN_OR_RETURN(const RunResult result,
                   RunProgram({program_, "-c", "-f", paths_.checked}, paths_.output, absl::Seconds(5)));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("HAProxy refuses its configuration: ", Alerts(result.output)));
  }
  return absl::OkStatus();
}

absl::Status HaproxyProcess::Start() const {
  const StartLock lock{KeeperFiles(paths_.dir)};
  if (MasterPid()) {
    return absl::OkStatus();
  }
  std::vector<std::string> argv = {
      program_,   "-W",          "-D",
      "-f",       paths_.config, "-p",
      paths_.pid, "-S",          absl::StrCat(paths_.master_socket, ",mode,600")};
  if (const std::vector<int> left = ProcessesWith(paths_.config); !left.empty()) {
    argv.push_back("-sf");
    for (const int pid : left) {
      argv.push_back(absl::StrCat(pid));
    }
  }
  ASSIGN_OR_RETURN(const RunResult result,
                   RunProgram(OutsideUnitCgroup(kCgroup, argv), paths_.output, absl::Seconds(5)));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(absl::StrCat("HAProxy does not start: ", Alerts(result.output)));
  }
  return absl::OkStatus();
}

absl::Status HaproxyProcess::EnsureKept(const std::string& agent) const {
  return drover::agent::EnsureKept(
      {.agent = agent, .kind = "haproxy", .program = program_, .cgroup = kCgroup}, KeeperFiles(paths_.dir));
}

absl::Status HaproxyProcess::Reload() const {
  const std::optional<int> pid = MasterPid();
  if (!pid || kill(*pid, SIGUSR2) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot reload HAProxy: its master (", paths_.pid, ") is gone"));
  }
  return absl::OkStatus();
}

std::optional<int> HaproxyProcess::MasterPid() const { return LivePid(paths_.pid, paths_.config); }

int KeepHaproxy(const std::string& program, const std::string& dir) {
  const HaproxyPaths paths(dir);
  const HaproxyProcess process(program, paths);
  return KeepInBackground({.files = KeeperFiles(dir),
                           .config = paths.config,
                           .pid = [&process] { return process.MasterPid(); },
                           .start = [&process] { return process.Start(); }});
}

}  // namespace drover::agent
