#include "agent/runtime/edge/nginx/rounds.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/nginx/marker.h"
#include "agent/runtime/edge/nginx/request_log_lines.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr auto kTakeOverLimit = std::chrono::milliseconds(600);
constexpr Duration kReloadInterval = absl::Seconds(1);
constexpr Duration kRetryPause = absl::Seconds(5);
constexpr Duration kLongestPause = absl::Minutes(5);
// nginx starts new workers 100 ms before it tells the old ones to leave.
constexpr Duration kTakeOverTime = absl::Seconds(1);

// A worker that leaves can still get a first request on a connection that it accepted before, and pass it
// to a replica that has been removed since.
bool MaySendMore(const NginxConnections& connections, const std::vector<NginxWorker>& workers) {
  return std::any_of(workers.begin(), workers.end(), [&](const NginxWorker& worker) {
    const auto load = connections.workers.find(worker.pid);
    return worker.leaving && load != connections.workers.end() &&
           load->second.incoming > load->second.outgoing;
  });
}

void FillNginxServers(const EdgeSet& set, const NginxConnections& connections, bool may_send_more,
                      bool applied, EdgeSetState& state) {
  for (const EdgeBackend& backend : set.backends) {
    EdgeServerState server{.replica = backend.replica, .in_flight = 0, .up = applied && !backend.drain};
    for (const auto& [pid, load] : connections.workers) {
      const auto found = load.to.find({backend.address, backend.port});
      server.in_flight += found == load.to.end() ? 0 : found->second;
    }
    if (!backend.drain || server.in_flight > 0 || (applied && !may_send_more)) {
      state.servers.push_back(server);  // else absent: unknown
    }
  }
  state.queued = 0;  // nginx has no queue
}

}  // namespace

std::string NginxPlan::Generation() const {
  std::string all;
  for (const NginxFile& file : files) {
    absl::StrAppend(&all, MarkerAnswer(file.marker), "\n");
  }
  return all;
}

NginxRounds::NginxRounds(std::string wanted_path, std::optional<std::vector<EdgeSet>> wanted)
    : WantedEdge(std::move(wanted_path), std::move(wanted)) {}

uint32_t NginxRounds::MarkerPort(uint32_t present) {
  if (present != 0 && wake_.Listen(present)) {
    return present;
  }
  return FreeMarkerPort([this](uint32_t port) { return wake_.Listen(port); });
}

bool NginxRounds::InForce(const NginxPlan& plan) const {
  return std::all_of(plan.files.begin(), plan.files.end(),
                     [](const NginxFile& file) { return RunsGeneration(file.marker); });
}

std::vector<NginxWorker> NginxRounds::Workers(int master) {
  std::vector<NginxWorker> workers = NginxWorkers(master);
  orphans_.erase(
      std::remove_if(orphans_.begin(), orphans_.end(), [](int pid) { return ProcessIdentity(pid) == 0; }),
      orphans_.end());
  for (const int pid : orphans_) {
    workers.push_back({.pid = pid, .leaving = true});
  }
  return workers;
}

void NginxRounds::NoteProcess(int master, bool started) {
  const uint64_t instance = ProcessIdentity(master);
  if (instance == instance_) {
    return;
  }
  instance_ = instance;
  confirmed_.clear();
  before_ = started ? std::optional<std::set<int>>(std::in_place) : std::nullopt;
  orphans_ = Orphans(master);
  unanswered_ = 0;
}

void NginxRounds::ForgetOthers(const NginxPlan& plan) {
  std::map<std::string, std::string> same;
  for (const RenderedSet& set : plan.sets) {
    const auto known = confirmed_.find(set.backend);
    if (known != confirmed_.end() && known->second == NginxSetIdentity(set)) {
      same.insert(*known);
    }
  }
  confirmed_ = std::move(same);
}

bool NginxRounds::MayReload(const NginxPlan& plan, Instant now) const {
  if (!tried_at_) {
    return true;
  }
  if (plan.Generation() != tried_) {
    return now - *tried_at_ >= kReloadInterval;
  }
  // Each reload costs clients; the check before it does not.
  const Duration pause = std::min(kLongestPause, kRetryPause * (1 << std::clamp(unanswered_ - 1, 0, 6)));
  return now - *tried_at_ >= pause;
}

absl::Status NginxRounds::Update(NginxPlan& plan, int master, Instant now) {
  if (InForce(plan)) {
    return absl::OkStatus();
  }
  const std::vector<NginxWorker> workers = Workers(master);
  ASSIGN_OR_RETURN(const NginxConnections connections, ReadNginxConnections(master, workers, client_ports_));
  Restrict(plan, connections.listening);
  if (InForce(plan)) {
    return absl::OkStatus();
  }
  pending_ = true;
  if (!MayReload(plan, now)) {
    const bool late = tried_ == plan.Generation() && now - *tried_at_ >= kTakeOverTime;
    return late ? absl::UnavailableError(fault_.empty() ? WhyNotTaken() : fault_) : absl::OkStatus();
  }
  tried_at_ = now;
  const absl::Status written = CheckAndWrite(plan);
  unanswered_ = tried_ == plan.Generation() ? unanswered_ : 0;
  tried_ = plan.Generation();
  fault_.clear();
  RETURN_IF_ERROR(written);
  ForgetOthers(plan);
  before_.emplace();
  for (const NginxWorker& worker : workers) {
    before_->insert(worker.pid);
  }
  if (kill(master, SIGHUP) != 0) {
    return absl::UnavailableError("nginx' master process is gone");
  }
  ++reloads_;
  ++unanswered_;
  const auto end = std::chrono::steady_clock::now() + kTakeOverLimit;
  while (!(OldOnesLeave(master) && InForce(plan)) && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return absl::OkStatus();
}

absl::Status NginxRounds::Ensure(NginxPlan& plan, Instant now) {
  std::optional<int> master = Master();
  if (master) {
    NoteProcess(*master, false);
    return Update(plan, *master, now);
  }
  const absl::Status started = Start(plan);
  master = Master();
  if (master) {
    NoteProcess(*master, true);
  }
  return started;
}

bool NginxRounds::OldOnesLeave(int master) const {
  std::vector<NginxWorker> accepting = NginxWorkers(master);
  accepting.erase(std::remove_if(accepting.begin(), accepting.end(),
                                 [](const NginxWorker& worker) { return worker.leaving; }),
                  accepting.end());
  if (!before_) {
    return AgeOfNewest(accepting) >= std::optional<Duration>(kTakeOverTime);
  }
  return std::none_of(accepting.begin(), accepting.end(),
                      [this](const NginxWorker& worker) { return before_->count(worker.pid) > 0; });
}

void NginxRounds::Confirm(const NginxPlan& plan, int master) {
  // The marker last: it answers on a connection that is newer than the look at the workers.
  if (!OldOnesLeave(master) || !InForce(plan)) {
    pending_ = true;
    return;
  }
  pending_ = false;
  unanswered_ = 0;
  fault_.clear();
  confirmed_.clear();
  for (const RenderedSet& set : plan.sets) {
    confirmed_[set.backend] = NginxSetIdentity(set);
  }
}

std::optional<int64_t> NginxRounds::Held(const RenderedSet& set, Instant now) {
  if (!WakesByRefusal(*set.set)) {
    refused_.erase(set.backend);
    return set.set->hold > absl::ZeroDuration() ? std::optional<int64_t>(0) : std::nullopt;
  }
  const auto told = told_.find(WakeAddress(set));
  const int64_t waiting =
      refused_[set.backend].Waiting(now, told == told_.end() ? 0 : told->second, set.set->hold);
  return set.set->max_held == 0 ? waiting : std::min<int64_t>(waiting, set.set->max_held);
}

void NginxRounds::Fill(const NginxPlan& plan, int master, Instant now, EdgeState& state) {
  const std::vector<NginxWorker> workers = Workers(master);
  const absl::StatusOr<NginxConnections> connections = ReadNginxConnections(master, workers, client_ports_);
  told_ = wake_.Take();
  const bool may_send_more = connections.ok() && MaySendMore(*connections, workers);
  for (const RenderedSet& set : plan.sets) {
    EdgeSetState& to = state.sets.emplace_back();
    to.handle = set.set->handle;
    to.read_at = now;
    const auto confirmed = confirmed_.find(set.backend);
    const bool applied =
        set.error.empty() && confirmed != confirmed_.end() && confirmed->second == NginxSetIdentity(set);
    if (applied) {
      to.applied_epoch = set.set->epoch;
      to.applied_revision = set.set->revision;
    }
    to.error = set.error.empty() ? UnmetByNginx(*set.set) : set.error;
    to.at_least = !connections.ok();
    to.held = Held(set, now);
    if (connections.ok()) {
      FillNginxServers(*set.set, *connections, may_send_more, applied, to);
    }
  }
  FillTimes(plan, now, state);
  if (!connections.ok() && state.error.empty()) {
    state.error = std::string(connections.status().message());
  }
}

void NginxRounds::FillTimes(const NginxPlan& plan, Instant now, EdgeState& state) {
  const uint32_t marker = plan.files.empty() ? 0 : plan.files.front().marker.port;
  const uint32_t port = marker == 0 ? 0 : NginxRequestLogPort(marker);
  if (port != log_port_) {
    log_.reset();
    log_port_ = 0;
    const auto read = [marker](absl::string_view line) { return ReadNginxLine(line, marker); };
    // While somebody else has the port no times are known.
    if (absl::StatusOr<std::unique_ptr<RequestLog>> log;
        port != 0 && (log = RequestLog::AtPort(port, read)).ok()) {
      log_ = *std::move(log);
      log_port_ = port;
    }
  }
  if (log_ == nullptr) {
    return;
  }
  std::vector<std::string> names;
  for (const RenderedSet& set : plan.sets) {
    names.push_back(set.backend);
  }
  log_->Expect(names);
  for (size_t i = 0; i < plan.sets.size(); ++i) {
    const EdgeSet& set = *plan.sets[i].set;
    if (set.http) {
      std::optional<RequestTimes> times = log_->Times(plan.sets[i].backend, now);
      state.sets[i].times = set.attach.empty() ? times.value_or(RequestTimes()) : std::move(times);
    }
  }
}

EdgeState NginxRounds::Round(const std::optional<std::vector<EdgeSet>>& wanted, Instant now) {
  EdgeState state;
  if (!wanted) {
    state.reachable = Master().has_value();
    state.reloads = reloads_;
    return state;
  }
  NginxPlan plan = MakePlan(*wanted);
  const absl::Status status = Ensure(plan, now);
  state.reloads = reloads_;
  if (!status.ok()) {
    fault_ = std::string(status.message());
    state.error = fault_;
  }
  const std::optional<int> master = Master();
  if (!master) {
    return state;
  }
  state.reachable = true;
  state.instance = instance_;
  const absl::Status kept = Keep();
  if (!kept.ok() && state.error.empty()) {
    state.error = std::string(kept.message());
  }
  Confirm(plan, *master);
  Fill(plan, *master, now, state);
  state.pending = pending_ && status.ok();
  return state;
}

}  // namespace drover::agent
