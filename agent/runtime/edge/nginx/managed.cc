#include "agent/runtime/edge/nginx/managed.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/edge/address.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/nginx/marker.h"
#include "agent/runtime/edge/program.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/address.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr auto kStartLimit = std::chrono::milliseconds(500);
constexpr auto kGoodbyeLimit = std::chrono::milliseconds(300);
constexpr char kAttachNeedsNginx[] =
    "a foreign nginx: set edge.nginx.include_dir in the agent's configuration";
constexpr char kNoStream[] =
    "this nginx cannot balance plain TCP: install its stream module (Debian: libnginx-mod-stream), or write "
    "app_protocol: http";

bool WaitFor(std::chrono::milliseconds limit, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace

ManagedNginx::ManagedNginx(NginxOptions options, NginxBuild build, std::optional<std::vector<EdgeSet>> wanted)
    : NginxRounds(NginxPaths(options.dir).wanted, std::move(wanted)),
      options_(std::move(options)),
      build_(std::move(build)),
      paths_(options_.dir),
      marker_port_(MarkerPortOf(ReadWholeFile(paths_.config).value_or(""))) {}

void ManagedNginx::Render(NginxPlan& plan) const {
  NginxFile file{.path = paths_.config,
                 .text = "",
                 .marker = {.port = marker_port_, .name = "drover", .generation = ""}};
  const std::string body = RenderNginxConfig(options_, plan.sets, build_.stream_module, file.marker);
  file.marker.generation =
      absl::StrFormat("%016x", Fingerprint(absl::StrCat(body, CertificateStamps(plan.sets))));
  file.text = RenderNginxConfig(options_, plan.sets, build_.stream_module, file.marker);
  plan.files = {std::move(file)};
}

NginxPlan ManagedNginx::MakePlan(const std::vector<EdgeSet>& sets) {
  if (marker_port_ == 0) {
    marker_port_ = FreeMarkerPort();
  }
  NginxPlan plan{.sets = ArrangeSets(sets, options_.bind, kAttachNeedsNginx), .files = {}};
  for (RenderedSet& set : plan.sets) {
    if (!set.set->http && !build_.stream && set.set->attach.empty()) {
      set.error = kNoStream;
      set.listeners.clear();
    }
    const auto impossible = [&](const EdgeListener& listener) {
      const std::string why = WhyNotForNginx(listener);
      set.error = why.empty() ? set.error : why;
      return !why.empty();
    };
    set.listeners.erase(std::remove_if(set.listeners.begin(), set.listeners.end(), impossible),
                        set.listeners.end());
  }
  Render(plan);
  return plan;
}

void ManagedNginx::Restrict(NginxPlan& plan, const std::set<std::string>& listening) {
  listeners_.DropImpossible(
      [&](const EdgeListener& listener) {
        return listening.count(HostPort(listener.bind, listener.port)) > 0;
      },
      plan.sets);
  Render(plan);
}

absl::Status ManagedNginx::CheckAndWrite(NginxPlan& plan) {
  for (;;) {
    RETURN_IF_ERROR(WriteFileAtomically(paths_.checked, plan.files.front().text));
    const absl::Status status = CheckNginx(options_.program, paths_.checked, paths_.output).status();
    if (status.ok()) {
      return WriteFileAtomically(paths_.config, plan.files.front().text);
    }
    if (!listeners_.DropBlamed(status.message(), plan.sets)) {
      return status;
    }
    Render(plan);
  }
}

void ManagedNginx::SendOrphansAway() const {
  for (const int pid : Orphans(std::nullopt)) {
    kill(pid, SIGQUIT);
  }
}

absl::Status ManagedNginx::Start(NginxPlan& plan) {
  SendOrphansAway();
  const auto marker_is_free = [this] {
    return WhyNotFree({.bind = "127.0.0.1", .port = marker_port_, .host = "", .path = "", .tls_path = ""})
        .empty();
  };
  if (!WaitFor(kGoodbyeLimit, marker_is_free)) {
    marker_port_ = FreeMarkerPort();
  }
  Restrict(plan, {});
  const absl::Status written = CheckAndWrite(plan);
  if (!written.ok() && !ReadWholeFile(paths_.config).ok()) {
    return written;
  }
  const std::vector<std::string> argv = {options_.program, "-p", options_.dir, "-c", paths_.config};
  ASSIGN_OR_RETURN(const RunResult result,
                   RunProgram(OutsideUnitCgroup("drover-nginx", argv), paths_.output, absl::Seconds(5)));
  if (result.exit_code != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("nginx does not start: ", result.output.substr(0, 400)));
  }
  // The pid file comes after the daemon has detached.
  if (!WaitFor(kStartLimit, [this] { return Master().has_value(); })) {
    return absl::UnavailableError("nginx is still starting");
  }
  WaitFor(kStartLimit, [&] { return RunsGeneration(plan.files.front().marker); });
  return written;
}

std::optional<int> ManagedNginx::Master() const { return LivePid(paths_.pid, paths_.config); }

std::vector<int> ManagedNginx::Orphans(std::optional<int> master) const {
  return OrphanedNginxWorkers(paths_.log, master);
}

std::string ManagedNginx::WhyNotTaken() const {
  return absl::StrCat("nginx still runs its former configuration; ", paths_.log, " may say why");
}

}  // namespace drover::agent
