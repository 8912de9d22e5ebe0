#include "agent/runtime/edge/haproxy/managed.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/runtime/edge/address.h"
#include "agent/runtime/edge/fingerprint.h"
#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/wanted_file.h"
#include "common/status.h"

namespace drover::agent {
namespace {

constexpr auto kRoundLimit = std::chrono::milliseconds(950);
constexpr auto kMasterLimit = std::chrono::milliseconds(300);  // leaves time for the sets themselves
constexpr Duration kReloadPause = absl::Seconds(5);
constexpr Duration kHeldPatience = absl::Seconds(30);
constexpr Duration kSilencePatience = absl::Milliseconds(1500);
constexpr Duration kFileInterval = absl::Milliseconds(200);
constexpr char kAttachNeeds[] = "a foreign HAProxy: set edge.haproxy.socket in the agent's configuration";

uint64_t InstanceOf(const ProcessInfo& info) {
  return (static_cast<uint64_t>(info.start_seconds) << 24) ^ static_cast<uint64_t>(info.pid);
}

std::string Description(const std::string& identity) { return absl::StrCat("drover-", identity); }

}  // namespace

ManagedHaproxy::ManagedHaproxy(HaproxyOptions options, std::string program)
    : options_(std::move(options)),
      paths_(options_.dir),
      process_(std::move(program), paths_),
      written_(ReadWholeFile(paths_.config).value_or("")) {}

absl::StatusOr<RuntimeSession> ManagedHaproxy::OpenStats(Deadline deadline) const {
  return RuntimeSession::Open(paths_.stats_socket, "> ", deadline);
}

absl::Status ManagedHaproxy::DropListenersThatCannotBe(const std::string& frontends,
                                                       std::vector<RenderedSet>& sets) const {
  std::set<std::string> held;
  if (!frontends.empty()) {
    ASSIGN_OR_RETURN(const StatTable table, StatTable::Parse(frontends));
    for (size_t row = 0; row < table.size(); ++row) {
      held.emplace(table.Text(row, "pxname"));
    }
  }
  listeners_.DropImpossible(
      [&](const EdgeListener& listener) {
        return held.count(absl::StrCat("port_", ListenerName(listener))) > 0;
      },
      sets);
  return absl::OkStatus();
}

std::string ManagedHaproxy::Identity(const std::vector<RenderedSet>& sets) const {
  const std::string structure =
      absl::StrCat(RenderConfig(options_, sets, {}, ""), kHoldScript, CertificateStamps(sets));
  return absl::StrFormat("%016x", Fingerprint(structure));
}

std::string ManagedHaproxy::Render(const std::vector<RenderedSet>& sets, const std::string& identity) const {
  SlotRows planned;
  for (const RenderedSet& set : sets) {
    const auto rows = rows_.find(set.backend);
    planned[set.backend] =
        PlannedRows(set.set->backends, set.set->traffic.weighted,
                    rows == rows_.end() ? std::vector<ServerRow>() : rows->second, SlotCount(*set.set));
  }
  return RenderConfig(options_, sets, planned, Description(identity));
}

absl::Status ManagedHaproxy::CheckAndWrite(Round& round) {
  for (;;) {
    round.identity = Identity(round.sets);
    const std::string config = Render(round.sets, round.identity);
    const absl::Status status = process_.Check(config);
    if (status.ok()) {
      RETURN_IF_ERROR(WriteFileAtomically(paths_.config, config));
      written_ = config;
      written_at_ = round.now;
      return absl::OkStatus();
    }
    if (!listeners_.DropBlamed(status.message(), round.sets)) {
      return status;
    }
  }
}

absl::StatusOr<RuntimeSession> ManagedHaproxy::Start(Round& round) {
  if (const absl::Status status = CheckAndWrite(round); !status.ok()) {
    if (written_.empty()) {
      return status;
    }
    reload_fault_ = std::string(status.message());
    reload_tried_at_ = round.now;
  }
  RETURN_IF_ERROR(process_.Start());
  // Listening sockets are bound before the daemon detaches, so the first try nearly always succeeds.
  absl::StatusOr<RuntimeSession> session = OpenStats(round.deadline);
  while (absl::IsUnavailable(session.status()) && std::chrono::steady_clock::now() < round.deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    session = OpenStats(round.deadline);
  }
  return session;
}

absl::StatusOr<RuntimeSession> ManagedHaproxy::Reload(Round& round, ProcessInfo& info) {
  RETURN_IF_ERROR(CheckAndWrite(round));
  RETURN_IF_ERROR(process_.Reload());
  ++reloads_;
  old_workers_ = true;
  while (std::chrono::steady_clock::now() < round.deadline) {
    absl::StatusOr<RuntimeSession> session = OpenStats(round.deadline);
    if (session.ok()) {
      ASSIGN_OR_RETURN(const std::string answer, session->Command("show info"));
      ASSIGN_OR_RETURN(const ProcessInfo fresh, ParseInfo(answer));
      if (fresh.description == Description(round.identity)) {
        info = fresh;
        return session;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::UnavailableError("HAProxy is still taking over its new configuration");
}

absl::StatusOr<RuntimeSession> ManagedHaproxy::EnsureRunning(Round& round, ProcessInfo& info) {
  absl::StatusOr<RuntimeSession> session = OpenStats(round.deadline);
  if (absl::IsUnavailable(session.status())) {
    const std::optional<int> master = process_.MasterPid();
    if (master && (!silent_since_ || round.now - *silent_since_ < kSilencePatience)) {
      silent_since_ = silent_since_.value_or(round.now);
      return session;  // just starting, or just ending after a crash of its worker
    }
    if (master) {
      kill(*master, SIGKILL);  // it lives without a socket and would never come back by itself
    }
    RETURN_IF_ERROR(DropListenersThatCannotBe("", round.sets));
    session = Start(round);
  }
  RETURN_IF_ERROR(session.status());
  silent_since_.reset();
  ASSIGN_OR_RETURN(const std::string answer, session->Command("show info"));
  ASSIGN_OR_RETURN(info, ParseInfo(answer));
  round.in_force = info.description == Description(round.identity);
  if (!round.in_force) {
    ASSIGN_OR_RETURN(const std::string frontends, session->Command("show stat -1 1 -1"));
    RETURN_IF_ERROR(DropListenersThatCannotBe(frontends, round.sets));
    round.identity = Identity(round.sets);
    round.in_force = info.description == Description(round.identity);
  }
  if (round.in_force) {
    reload_tried_at_.reset();
    reload_fault_.clear();
  }
  const bool pause = reload_tried_at_ && round.now - *reload_tried_at_ < kReloadPause;
  if (round.in_force || pause || WaitsForHeld(round, *session)) {
    return session;
  }
  return TryReload(round, *std::move(session), info);
}

// The old worker of a reload gets no more servers, so that what it keeps waiting would wait in vain. A start
// takes a second or so; that long a new structure can wait too.
bool ManagedHaproxy::WaitsForHeld(const Round& round, RuntimeSession& session) {
  const bool held = std::any_of(round.sets.begin(), round.sets.end(), [&](const RenderedSet& set) {
    return set.set->hold > absl::ZeroDuration() && KeepsWaiting(session, set.backend);
  });
  held_since_ = held_since_.value_or(round.now);
  if (held && round.now - *held_since_ < kHeldPatience) {
    return true;
  }
  held_since_.reset();
  return false;
}

absl::StatusOr<RuntimeSession> ManagedHaproxy::TryReload(Round& round, RuntimeSession session,
                                                         ProcessInfo& info) {
  // The rows must be known before the file is written: it carries them over.
  for (const RenderedSet& set : round.sets) {
    ASSIGN_OR_RETURN(const std::string answer,
                     session.Command(absl::StrCat("show servers state ", set.backend)));
    if (absl::StatusOr<std::vector<ServerRow>> rows = ParseServersState(answer); rows.ok()) {
      rows_[set.backend] = *std::move(rows);
    }
  }
  reload_tried_at_ = round.now;
  absl::StatusOr<RuntimeSession> fresh = Reload(round, info);
  round.in_force = fresh.ok();
  reload_fault_ = std::string(fresh.status().message());
  // What runs already must be driven on, whatever is wrong with what is new.
  return fresh.ok() ? std::move(fresh) : std::move(session);
}

bool ManagedHaproxy::KeepFileCurrent(const Round& round) {
  if (round.in_force && (!in_force_ || in_force_->identity != round.identity)) {
    in_force_ = InForce{.sets = {}, .rendered = round.sets, .identity = round.identity};
    in_force_->sets.reserve(round.sets.size());
    for (RenderedSet& set : in_force_->rendered) {
      set.set = &in_force_->sets.emplace_back(*set.set);
    }
  }
  if (!in_force_) {
    return true;
  }
  // While a new structure is refused, the old one goes on with the addresses of now.
  for (size_t i = 0; i < in_force_->rendered.size(); ++i) {
    for (const RenderedSet& current : round.sets) {
      if (current.backend == in_force_->rendered[i].backend) {
        in_force_->sets[i].backends = current.set->backends;
      }
    }
  }
  const std::string config = Render(in_force_->rendered, in_force_->identity);
  if (config == written_) {
    return true;
  }
  if ((written_at_ && round.now - *written_at_ < kFileInterval) ||
      !WriteFileAtomically(paths_.config, config).ok()) {
    return false;
  }
  written_ = config;
  written_at_ = round.now;
  return true;
}

OldLoad ManagedHaproxy::ReadOld(const Round& round) {
  std::vector<std::string> backends;
  for (const RenderedSet& set : round.sets) {
    const std::vector<EdgeBackend>& wanted = set.set->backends;
    if (old_workers_ ||
        std::any_of(wanted.begin(), wanted.end(), [](const EdgeBackend& backend) { return backend.drain; })) {
      backends.push_back(set.backend);
    }
  }
  if (backends.empty()) {
    return OldLoad();
  }
  OldLoad old = ReadOldLoad(paths_.master_socket, backends,
                            std::min(round.deadline, std::chrono::steady_clock::now() + kMasterLimit));
  old_workers_ = !old.workers.empty() || !old.known;
  return old;
}

std::vector<WorkerCommand> ManagedHaproxy::Workers(RuntimeSession& session, const OldLoad& old,
                                                   Deadline deadline) const {
  std::vector<WorkerCommand> workers;
  workers.push_back([&session](absl::string_view command) { return session.Command(command); });
  for (const int64_t pid : old.workers) {
    workers.push_back([this, pid, deadline](absl::string_view command) -> absl::StatusOr<std::string> {
      ASSIGN_OR_RETURN(RuntimeSession master,
                       RuntimeSession::Open(paths_.master_socket, "master> ", deadline));
      return master.Command(absl::StrCat("@!", pid, " ", command));
    });
  }
  return workers;
}

size_t ManagedHaproxy::FirstOf(const std::vector<RenderedSet>& sets) {
  const std::string backend = std::exchange(resume_at_, "");
  const auto found =
      std::find_if(sets.begin(), sets.end(), [&](const RenderedSet& set) { return set.backend == backend; });
  return found == sets.end() ? 0 : static_cast<size_t>(found - sets.begin());
}

EdgeState ManagedHaproxy::Reconcile(const std::optional<std::vector<EdgeSet>>& sets, Instant now) {
  EdgeState state;
  state.reloads = reloads_;
  Round round;
  round.deadline = std::chrono::steady_clock::now() + kRoundLimit;
  round.now = now;
  if (!sets) {
    state.reachable = OpenStats(round.deadline).ok();
    return state;
  }
  round.sets = ArrangeSets(*sets, options_.bind, kAttachNeeds);
  round.identity = Identity(round.sets);
  ProcessInfo info;
  absl::StatusOr<RuntimeSession> session = EnsureRunning(round, info);
  state.reloads = reloads_;
  if (!session.ok()) {
    state.error = std::string(session.status().message());
    return state;
  }
  state.reachable = true;
  state.instance = InstanceOf(info);
  const absl::Status kept = options_.keeper.empty() ? absl::OkStatus() : process_.EnsureKept(options_.keeper);

  const OldLoad old = ReadOld(round);
  const size_t first = FirstOf(round.sets);
  for (size_t i = 0; i < round.sets.size(); ++i) {
    const RenderedSet& set = round.sets[(first + i) % round.sets.size()];
    if (!set.set->attach.empty()) {
      state.sets.push_back(UnreadSet(*set.set, set.error, now));
      continue;
    }
    absl::StatusOr<SetRound> driven = DriveSet(*session, *set.set, set.backend, old, now);
    if (!driven.ok()) {
      state.sets.push_back(UnreadSet(*set.set, driven.status().message(), now));
      if (!absl::IsNotFound(driven.status()) && !absl::IsInvalidArgument(driven.status())) {
        state.error = std::string(driven.status().message());
        resume_at_ = set.backend;
        return state;  // the session is broken, or its time is over
      }
      continue;
    }
    rows_[set.backend] = std::move(driven->rows);
    counts_.Fold(set.backend, state.instance, driven->counts, *set.set, driven->state);
    drain_limits_.Enforce(*set.set, set.backend, Workers(*session, old, round.deadline), now, driven->state);
    if (!set.error.empty()) {
      driven->state.error = set.error;
      driven->state.applied_epoch = Epoch();
      driven->state.applied_revision = Revision();
    }
    state.sets.push_back(std::move(driven->state));
  }
  state.pending = !KeepFileCurrent(round);
  state.error = kept.ok() ? reload_fault_ : std::string(kept.message());
  return state;
}

}  // namespace drover::agent
