#include "agent/runtime/edge/nginx/managed.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/keeper.h"
#include "agent/runtime/edge/nginx/marker.h"
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

}  // namespace

ManagedNginx::ManagedNginx(NginxOptions options, NginxBuild build, std::optional<std::vector<EdgeSet>> wanted)
    : NginxRounds(NginxPaths(options.dir).wanted, std::move(wanted)),
      options_(std::move(options)),
      build_(std::move(build)),
      paths_(options_.dir),
      process_(options_.program, paths_),
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
  marker_port_ = MarkerPort(marker_port_);
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

absl::Status ManagedNginx::Start(NginxPlan& plan) {
  const StartLock lock{KeeperFiles(options_.dir)};
  if (Master()) {
    return absl::OkStatus();  // its keeper was faster
  }
  process_.SendOrphansAway();
  if (!WaitUntil(kGoodbyeLimit, [this] { return MarkerPortIsFree(marker_port_); })) {
    marker_port_ = MarkerPort(0);
  }
  Restrict(plan, {});
  const absl::Status written = CheckAndWrite(plan);
  if (!written.ok() && !ReadWholeFile(paths_.config).ok()) {
    return written;
  }
  RETURN_IF_ERROR(process_.Start());
  WaitUntil(kStartLimit, [&] { return RunsGeneration(plan.files.front().marker); });
  return written;
}

absl::Status ManagedNginx::Keep() const {
  return options_.keeper.empty() ? absl::OkStatus() : process_.EnsureKept(options_.keeper);
}

std::optional<int> ManagedNginx::Master() const { return process_.MasterPid(); }

std::vector<int> ManagedNginx::Orphans(std::optional<int> master) const {
  return OrphanedNginxWorkers(paths_.log, master);
}

std::string ManagedNginx::WhyNotTaken() const {
  return absl::StrCat("nginx still runs its former configuration; ", paths_.log, " may say why");
}

}  // namespace drover::agent
