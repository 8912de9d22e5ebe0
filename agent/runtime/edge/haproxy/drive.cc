#include "agent/runtime/edge/haproxy/drive.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/haproxy/plan.h"
#include "agent/runtime/edge/haproxy/render.h"
#include "agent/runtime/edge/haproxy/request_log_lines.h"
#include "common/address.h"
#include "common/status.h"

namespace drover::agent {
namespace {

// What one read of a backend shows.
struct Reading {
  std::vector<Slot> slots;       // ours only
  std::set<std::string> usable;  // names of servers that HAProxy itself holds for up
  bool foreign = false;          // some server of the backend is not ours
  StatTable stat;
};

int64_t Load(const StatTable& stat, size_t row) {
  return stat.Number(row, "scur").value_or(0) + stat.Number(row, "qcur").value_or(0);
}

absl::StatusOr<Reading> Read(RuntimeSession& session, const std::string& backend, const OldLoad& old) {
  ASSIGN_OR_RETURN(const std::vector<std::string> answers,
                   session.Commands({absl::StrCat("show servers state ", backend),
                                     absl::StrCat("show stat ", backend, " 6 -1")}));
  Reading reading;
  ASSIGN_OR_RETURN(const std::vector<ServerRow> rows, ParseServersState(answers[0]));
  ASSIGN_OR_RETURN(reading.stat, StatTable::Parse(answers[1]));
  for (const ServerRow& row : rows) {
    if (!IsSlotName(row.name)) {
      reading.foreign = true;
      continue;
    }
    const std::optional<size_t> line = reading.stat.Find(row.name);
    if (!line) {
      return absl::InvalidArgumentError(
          absl::StrCat("HAProxy's \"show stat\" leaves out ", backend, "/", row.name));
    }
    Slot slot{.row = row, .in_flight = Load(reading.stat, *line)};
    const auto left = old.in_flight.find({backend, HostPort(row.address, row.port)});
    if (left != old.in_flight.end()) {
      slot.in_flight += left->second;
    }
    const absl::string_view status = reading.stat.Text(*line, "status");
    if (InRotation(row) && (absl::StartsWith(status, "UP") || status == "no check")) {
      reading.usable.insert(row.name);
    }
    reading.slots.push_back(std::move(slot));
  }
  return reading;
}

// Sends changes of which none depends on the answer to another, and notes the servers that refused.
absl::Status RunTogether(RuntimeSession& session, const std::string& backend,
                         const std::vector<SlotChange>& changes, std::set<std::string>& refused,
                         std::string& fault) {
  std::vector<std::string> commands;
  for (const SlotChange& change : changes) {
    commands.push_back(CommandFor(backend, change));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> answers, session.Commands(commands));
  for (size_t i = 0; i < changes.size(); ++i) {
    const bool address = changes[i].kind == SlotChange::Kind::kAddress;
    if (!(address ? AddressWasSet(answers[i]) : answers[i].empty())) {
      refused.insert(changes[i].server);
      fault = absl::StrCat("\"", commands[i], "\" was answered \"", answers[i].substr(0, 200), "\"");
    }
  }
  return absl::OkStatus();
}

// Runs the changes. A slot whose address was not taken over must not be made ready. Returns what went
// wrong, empty when all answers were the expected ones.
absl::StatusOr<std::string> Run(RuntimeSession& session, const std::string& backend,
                                const std::vector<SlotChange>& changes) {
  std::string fault;
  std::set<std::string> refused;
  std::set<std::string> moving;  // servers whose address is in `together`
  std::vector<SlotChange> together;
  for (const SlotChange& change : changes) {
    if (moving.count(change.server) > 0) {
      RETURN_IF_ERROR(RunTogether(session, backend, together, refused, fault));
      moving.clear();
      together.clear();
    }
    if (refused.count(change.server) > 0) {
      continue;
    }
    if (change.kind == SlotChange::Kind::kAddress) {
      moving.insert(change.server);
    }
    together.push_back(change);
  }
  RETURN_IF_ERROR(RunTogether(session, backend, together, refused, fault));
  return fault;
}

void FillServers(const EdgeSet& set, const Reading& reading, const std::string& backend, const OldLoad& old,
                 EdgeSetState& state) {
  for (const EdgeBackend& wanted : set.backends) {
    if (wanted.drain && !old.known) {
      continue;  // absent is unknown
    }
    EdgeServerState server{.replica = wanted.replica};
    const auto slot = std::find_if(reading.slots.begin(), reading.slots.end(), [&](const Slot& s) {
      return s.row.port == wanted.port && s.row.address == wanted.address;
    });
    if (slot != reading.slots.end()) {
      server.in_flight = slot->in_flight;
      server.up = reading.usable.count(slot->row.name) > 0;
    } else {
      const auto left = old.in_flight.find({backend, HostPort(wanted.address, wanted.port)});
      server.in_flight = left == old.in_flight.end() ? 0 : left->second;
    }
    state.servers.push_back(server);
  }
}

// What has come, and what of it has ended: no longer current. Both of one row, so that they fit.
void AddCounters(const StatTable& stat, size_t row, EdgeSetState& state) {
  const std::optional<int64_t> total = stat.Number(row, "stot");
  const std::optional<int64_t> current = stat.Number(row, "scur");
  if (!total || !current) {
    return;
  }
  state.requests_total = state.requests_total.value_or(0) + static_cast<uint64_t>(*total);
  state.finished_total =
      state.finished_total.value_or(0) + static_cast<uint64_t>(std::max<int64_t>(0, *total - *current));
}

std::vector<SlotCounters> CountsOf(const Reading& reading, bool http) {
  std::vector<SlotCounters> counts;
  for (const Slot& slot : reading.slots) {
    const size_t row = *reading.stat.Find(slot.row.name);
    const auto number = [&](const char* column) {
      return static_cast<uint64_t>(std::max<int64_t>(0, reading.stat.Number(row, column).value_or(0)));
    };
    counts.push_back({.name = slot.row.name,
                      .target = HostPort(slot.row.address, slot.row.port),
                      .requests = number("stot"),
                      .errors = number(http ? "hrsp_5xx" : "econ") + number("eresp")});
  }
  return counts;
}

void FillCounters(const Reading& reading, size_t backend, EdgeSetState& state) {
  if (!reading.foreign) {
    AddCounters(reading.stat, backend, state);
    return;
  }
  for (const Slot& slot : reading.slots) {
    AddCounters(reading.stat, *reading.stat.Find(slot.row.name), state);
  }
}

// Requests of the backend that are with no server and in no queue: they wait for the first one.
int64_t Held(const StatTable& stat, size_t backend) {
  int64_t held = stat.Number(backend, "scur").value_or(0) - stat.Number(backend, "qcur").value_or(0);
  for (size_t row = 0; row < stat.size(); ++row) {
    held -= row == backend ? 0 : stat.Number(row, "scur").value_or(0);
  }
  return std::max<int64_t>(0, held);
}

void FillTotals(const EdgeSet& set, const Reading& reading, EdgeSetState& state) {
  const std::optional<size_t> row = reading.stat.Find("BACKEND");
  if (!row) {
    return;
  }
  state.queued = reading.stat.Number(*row, "qcur");
  if (state.queued && set.hold > absl::ZeroDuration()) {
    state.held = Held(reading.stat, *row);
  }
  if (const std::optional<int64_t> rate = reading.stat.Number(*row, "rate")) {
    state.rate = static_cast<double>(*rate);
  }
  FillCounters(reading, *row, state);
  std::optional<int64_t> errors = reading.stat.Number(*row, set.http ? "hrsp_5xx" : "econ");
  if (errors && !set.http) {
    *errors += reading.stat.Number(*row, "eresp").value_or(0);
  }
  if (errors) {
    state.errors_total = static_cast<uint64_t>(*errors);
  }
}

// OK and a sum, or why this worker's load is not known.
absl::Status AddWorker(RuntimeSession& master, int64_t pid, const std::vector<std::string>& backends,
                       OldLoad& old) {
  for (const std::string& backend : backends) {
    ASSIGN_OR_RETURN(const std::string answer,
                     master.Command(absl::StrCat("@!", pid, " show stat ", backend, " 4 -1")));
    const absl::StatusOr<StatTable> stat = StatTable::Parse(answer);
    if (absl::IsNotFound(stat.status())) {
      continue;  // a backend younger than this worker
    }
    RETURN_IF_ERROR(stat.status());
    for (size_t row = 0; row < stat->size(); ++row) {
      old.in_flight[{backend, std::string(stat->Text(row, "addr"))}] += Load(*stat, row);
    }
  }
  return absl::OkStatus();
}

}  // namespace

EdgeSetState UnreadSet(const EdgeSet& set, absl::string_view error, Instant now) {
  EdgeSetState state;
  state.handle = set.handle;
  state.error = std::string(error);
  state.read_at = now;
  return state;
}

OldLoad ReadOldLoad(const std::string& master_socket, const std::vector<std::string>& backends,
                    Deadline deadline) {
  OldLoad old;
  absl::StatusOr<RuntimeSession> master = RuntimeSession::Open(master_socket, "master> ", deadline);
  if (!master.ok()) {
    old.known = false;
    return old;
  }
  const absl::StatusOr<std::string> processes = master->Command("show proc");
  old.known = processes.ok();
  if (!processes.ok()) {
    return old;
  }
  for (const int64_t pid : ParseOldWorkers(*processes)) {
    old.workers.push_back(pid);
    old.known = old.known && AddWorker(*master, pid, backends, old).ok();
  }
  return old;
}

bool KeepsWaiting(RuntimeSession& session, const std::string& backend) {
  const absl::StatusOr<std::string> answer = session.Command(absl::StrCat("show stat ", backend, " 6 -1"));
  const absl::StatusOr<StatTable> stat = answer.ok() ? StatTable::Parse(*answer) : answer.status();
  const std::optional<size_t> row = stat.ok() ? stat->Find("BACKEND") : std::nullopt;
  return row && Held(*stat, *row) > 0;
}

absl::StatusOr<SetRound> DriveSet(RuntimeSession& session, const EdgeSet& set, const std::string& backend,
                                  const OldLoad& old, Instant now) {
  SetRound round;
  round.state.handle = set.handle;
  ASSIGN_OR_RETURN(Reading reading, Read(session, backend, old));
  SlotPlan plan = PlanSlots(set.backends, set.traffic.weighted, reading.slots);
  std::string fault;
  if (!plan.changes.empty()) {
    ASSIGN_OR_RETURN(fault, Run(session, backend, plan.changes));
    ASSIGN_OR_RETURN(reading, Read(session, backend, old));
    plan = PlanSlots(set.backends, set.traffic.weighted, reading.slots);
  }
  if (!plan.error.empty()) {
    round.state.error = plan.error;
  } else if (!plan.changes.empty()) {
    round.state.error = absl::StrCat("HAProxy is not as wanted after a change: ",
                                     fault.empty() ? CommandFor(backend, plan.changes.front()) : fault);
  } else {
    round.state.applied_epoch = set.epoch;
    round.state.applied_revision = set.revision;
  }
  round.state.read_at = now;
  round.state.at_least = !old.known;
  FillServers(set, reading, backend, old, round.state);
  FillTotals(set, reading, round.state);
  round.counts = CountsOf(reading, set.http);
  for (Slot& slot : reading.slots) {
    round.rows.push_back(std::move(slot.row));
  }
  return round;
}

std::string AttachSnippet(const EdgeSet& set, const std::string& dir) {
  const std::string hold = RenderHold(set, dir);
  return absl::StrCat(hold.empty() ? "" : absl::StrCat("global\n", LoadHoldScript(dir), "\n"), "backend ",
                      set.attach, "\n  option redispatch 1\n", RenderTraffic(set), hold,
                      "  server-template drv 1-", SlotCount(set), " 127.0.0.1:1 ", RenderServerOptions(set),
                      " disabled\n", set.http ? RequestLogSnippet(RequestLogName(dir)) : "");
}

}  // namespace drover::agent
