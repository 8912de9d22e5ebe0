#include "agent/runtime/edge/haproxy/haproxy.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/edge/arrange.h"
#include "agent/runtime/edge/haproxy/attach_check.h"
#include "agent/runtime/edge/haproxy/drain_limit.h"
#include "agent/runtime/edge/haproxy/drive.h"
#include "agent/runtime/edge/haproxy/expected_lines.h"
#include "agent/runtime/edge/haproxy/held_listener.h"
#include "agent/runtime/edge/haproxy/managed.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/render.h"
#include "agent/runtime/edge/haproxy/request_log_lines.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/request_log.h"
#include "agent/runtime/edge/wanted_edge.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

class ManagedEdge : public WantedEdge {
 public:
  ManagedEdge(const HaproxyOptions& options, std::string program, std::string version,
              std::unique_ptr<HeldListener> listener, std::unique_ptr<RequestLog> log,
              std::optional<std::vector<EdgeSet>> wanted)
      : WantedEdge(HaproxyPaths(options.dir).wanted, std::move(wanted)),
        managed_(options, std::move(program)),
        version_(std::move(version)),
        listener_(std::move(listener)),
        log_(std::move(log)) {}

  bool OnHeld(std::function<void()> wake) override {
    listener_->OnHeard(std::move(wake));
    return true;
  }

  std::string Describe() const override { return version_; }

 protected:
  EdgeState Round(const std::optional<std::vector<EdgeSet>>& wanted, Instant now) override {
    EdgeState state = managed_.Reconcile(wanted, now);
    if (wanted) {
      AddTimes(*wanted, now, state);
    }
    return state;
  }

 private:
  void AddTimes(const std::vector<EdgeSet>& wanted, Instant now, EdgeState& state) const {
    std::map<uint32_t, std::string> logged;  // backends by handle
    std::vector<std::string> names;
    for (const EdgeSet& set : wanted) {
      if (set.http && set.attach.empty()) {
        names.push_back(logged[set.handle] = BackendName(set));
      }
    }
    log_->Expect(names);
    for (EdgeSetState& set : state.sets) {
      if (const auto name = logged.find(set.handle); name != logged.end()) {
        set.times = log_->Times(name->second, now).value_or(RequestTimes());
      }
    }
  }

  ManagedHaproxy managed_;
  std::string version_;
  std::unique_ptr<HeldListener> listener_;
  std::unique_ptr<RequestLog> log_;
};

class AttachedEdge : public WantedEdge {
 public:
  AttachedEdge(const HaproxyOptions& options, std::unique_ptr<RequestLog> log,
               std::optional<std::vector<EdgeSet>> wanted)
      : WantedEdge(HaproxyPaths(options.dir).wanted, std::move(wanted)),
        socket_(options.attach_socket),
        dir_(options.dir),
        log_(std::move(log)) {}

  std::string Describe() const override {
    const std::lock_guard lock(version_mutex_);
    return version_;
  }

 protected:
  EdgeState Round(const std::optional<std::vector<EdgeSet>>& wanted, Instant now) override {
    EdgeState state;
    const absl::Status status = Drive(wanted, now, state);
    if (!status.ok()) {
      state.error = std::string(status.message());
    }
    return state;
  }

  EdgeCheckReport CheckSet(const EdgeSet& set) override {
    EdgeCheckReport report = CheckAttached(set, socket_, dir_);
    if (set.http && !set.attach.empty()) {
      report.checks.push_back(CheckLog(set));
    }
    return report;
  }

 private:
  EdgeCheck CheckLog(const EdgeSet& set) const {
    EdgeCheck check{.name = "log"};
    const auto writes = writes_.find(set.attach);
    if (log_->Heard(set.attach) > 0 && (writes == writes_.end() || writes->second)) {
      check.ok = true;
    } else if (writes != writes_.end() && !writes->second) {
      check.detail =
          absl::StrCat("requests end and no line tells of them, so only their mean time is known:\n",
                       RequestLogSnippet(RequestLogName(dir_)));
    } else {
      check.unseen = true;
      check.detail = "no request has ended since the agent looks";
    }
    return check;
  }

  absl::Status Drive(const std::optional<std::vector<EdgeSet>>& wanted, Instant now, EdgeState& state) {
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(950);
    ASSIGN_OR_RETURN(RuntimeSession session, RuntimeSession::Open(socket_, "> ", deadline));
    ASSIGN_OR_RETURN(const std::string answer, session.Command("show info"));
    ASSIGN_OR_RETURN(const ProcessInfo info, ParseInfo(answer));
    {
      const std::lock_guard lock(version_mutex_);
      version_ = absl::StrCat("haproxy ", info.version, " (attached)");
    }
    state.reachable = true;
    state.instance = (static_cast<uint64_t>(info.start_seconds) << 24) ^ static_cast<uint64_t>(info.pid);
    if (wanted) {
      ExpectLines(*wanted);
      for (const EdgeSet& set : *wanted) {
        ASSIGN_OR_RETURN(EdgeSetState driven, DriveOne(session, set, state.instance, now));
        state.sets.push_back(std::move(driven));
      }
    }
    return absl::OkStatus();
  }

  void ExpectLines(const std::vector<EdgeSet>& wanted) {
    std::vector<std::string> names;
    for (const EdgeSet& set : wanted) {
      if (set.http && !set.attach.empty()) {
        names.push_back(set.attach);
      }
    }
    log_->Expect(names);
    expected_.Keep(names);
  }

  void AddTimes(const EdgeSet& set, Instant now, EdgeSetState& state) {
    if (!set.http || !state.finished_total) {
      return;
    }
    const bool writes = expected_.Writes(set.attach, log_->Heard(set.attach), *state.finished_total, now);
    if (writes) {
      state.times = log_->Times(set.attach, now).value_or(RequestTimes());
    }
    if (*state.finished_total > 0) {
      writes_[set.attach] = writes;
    }
  }

  // An error is the session's; what is wrong with the foreign configuration is in the state.
  absl::StatusOr<EdgeSetState> DriveOne(RuntimeSession& session, const EdgeSet& set, uint64_t instance,
                                        Instant now) {
    EdgeSetState state = UnreadSet(set, "", now);
    if (set.attach.empty()) {
      state.error = absl::StrCat("this edge drives a foreign HAProxy (", socket_,
                                 "), which Drover never configures: name its backend with x-edge attach");
      return state;
    }
    absl::StatusOr<SetRound> driven = DriveSet(session, set, set.attach, OldLoad(), now);
    if (absl::IsNotFound(driven.status())) {
      state.error = absl::StrCat("the HAProxy at ", socket_, " has no backend ", set.attach, "; add:\n",
                                 AttachSnippet(set, dir_));
      return state;
    }
    if (absl::IsInvalidArgument(driven.status())) {
      state.error = std::string(driven.status().message());
      return state;
    }
    RETURN_IF_ERROR(driven.status());
    counts_.Fold(set.attach, instance, driven->counts, set, driven->state);
    const WorkerCommand worker = [&session](absl::string_view command) { return session.Command(command); };
    drain_limits_.Enforce(set, set.attach, {worker}, now, driven->state);
    if (driven->rows.size() < set.backends.size() && !driven->state.error.empty()) {
      absl::StrAppend(&driven->state.error, "; add to the configuration:\n", AttachSnippet(set, dir_));
    }
    AddTimes(set, now, driven->state);
    return std::move(driven->state);
  }

  std::string socket_;
  std::string dir_;
  DrainLimits drain_limits_;
  ServerCounts counts_;
  std::unique_ptr<RequestLog> log_;
  ExpectedLines expected_;
  std::map<std::string, bool> writes_;  // by backend, those that had a request
  mutable std::mutex version_mutex_;
  std::string version_ = "haproxy (attached)";
};

// "haproxy 2.6.12" from the program's own words.
absl::StatusOr<std::string> ProgramVersion(const std::string& program, const HaproxyPaths& paths) {
  ASSIGN_OR_RETURN(const RunResult result, RunProgram({program, "-v"}, paths.output, absl::Seconds(5)));
  for (const absl::string_view word : absl::StrSplit(result.output, absl::ByAnyChar(" \n-"))) {
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      return absl::StrCat("haproxy ", word);
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat(program, " -v: is this HAProxy? It says: ", result.output.substr(0, 120)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Edge>> MakeHaproxyEdge(const HaproxyOptions& given) {
  HaproxyOptions options = given;
  if (options.dir.empty()) {
    return absl::InvalidArgumentError("edge.dir: must name a folder for HAProxy's files");
  }
  std::error_code error;
  options.dir = std::filesystem::absolute(options.dir, error).string();
  // HAProxy binds a unix socket under a longer temporary name first.
  if (options.dir.size() > 80) {
    return absl::InvalidArgumentError(absl::StrCat(
        "edge.dir: ", options.dir, " is too long for sockets in it; 80 characters are possible"));
  }
  std::filesystem::create_directories(options.dir, error);
  if (error || chmod(options.dir.c_str(), 0700) != 0) {
    return absl::InternalError(
        absl::StrCat(options.dir, ": ", error ? error.message() : std::string(std::strerror(errno))));
  }
  const HaproxyPaths paths(options.dir);
  ASSIGN_OR_RETURN(std::optional<std::vector<EdgeSet>> wanted, LoadWanted(paths.wanted));
  RETURN_IF_ERROR(WriteFileAtomically(paths.hold_script, kHoldScript));
  if (!options.attach_socket.empty()) {
    ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> log,
                     RequestLog::AtName(RequestLogName(options.dir), ReadHaproxyLine));
    return std::unique_ptr<Edge>(std::make_unique<AttachedEdge>(options, std::move(log), std::move(wanted)));
  }
  ASSIGN_OR_RETURN(options.program, FindProgram(options.program));
  ASSIGN_OR_RETURN(std::string version, ProgramVersion(options.program, paths));
  ASSIGN_OR_RETURN(std::unique_ptr<HeldListener> listener, HeldListener::Listen(paths.held_socket));
  ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> log,
                   RequestLog::AtPath(paths.request_socket, ReadHaproxyLine));
  return std::unique_ptr<Edge>(std::make_unique<ManagedEdge>(
      options, options.program, std::move(version), std::move(listener), std::move(log), std::move(wanted)));
}

}  // namespace drover::agent
