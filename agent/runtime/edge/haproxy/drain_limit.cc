#include "agent/runtime/edge/haproxy/drain_limit.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/address.h"

namespace drover::agent {
namespace {

// The word after `key`, up to a blank; empty when there is no such key.
absl::string_view Word(absl::string_view line, absl::string_view key) {
  const size_t at = line.find(key);
  if (at == absl::string_view::npos) {
    return {};
  }
  line.remove_prefix(at + key.size());
  return line.substr(0, line.find_first_of(" ,"));
}

bool IsOver(const std::optional<Duration>& limit, Instant since, Instant now) {
  return limit && now - since >= *limit;
}

// What of a server's load is over its time.
struct Due {
  bool requests = false;
  bool tunnels = false;
};

uint64_t Close(const WorkerCommand& worker, const std::string& backend,
               const std::map<std::string, Due>& servers) {
  const absl::StatusOr<std::string> answer = worker("show sess all");
  if (!answer.ok()) {
    return 0;
  }
  uint64_t closed = 0;
  for (const OpenSession& session : ParseSessions(*answer)) {
    const auto due = servers.find(session.server);
    if (session.backend != backend || due == servers.end() ||
        !(session.tunnel ? due->second.tunnels : due->second.requests)) {
      continue;
    }
    const absl::StatusOr<std::string> done = worker(absl::StrCat("shutdown session ", session.id));
    closed += done.ok() && done->empty() ? 1 : 0;
  }
  return closed;
}

}  // namespace

std::vector<OpenSession> ParseSessions(absl::string_view answer) {
  std::vector<OpenSession> sessions;
  for (const absl::string_view line : absl::StrSplit(answer, '\n')) {
    if (absl::StartsWith(line, "0x")) {
      sessions.emplace_back().id = std::string(line.substr(0, line.find(':')));
    } else if (sessions.empty()) {
      continue;
    } else if (absl::StartsWith(line, "  backend=")) {
      sessions.back().backend = std::string(Word(line, "backend="));
      sessions.back().tunnel = absl::StrContains(line, "mode=tcp");
    } else if (absl::StartsWith(line, "  server=")) {
      sessions.back().server = std::string(Word(line, "addr="));
    } else if (absl::StartsWith(line, "  txn=")) {
      sessions.back().tunnel = sessions.back().tunnel || absl::StrContains(line, "rsp.st=MSG_TUNNEL");
    }
  }
  std::erase_if(sessions, [](const OpenSession& session) { return session.server.empty(); });
  return sessions;
}

void DrainLimits::Enforce(const EdgeSet& set, const std::string& backend,
                          const std::vector<WorkerCommand>& workers, Instant now, EdgeSetState& state) {
  const EdgeTraffic& traffic = set.traffic;
  Leaving& leaving = backends_[backend];
  std::map<std::string, Instant> since;
  std::map<std::string, Due> due;
  for (const EdgeBackend& candidate : set.backends) {
    if (!candidate.drain) {
      continue;
    }
    const std::string address = HostPort(candidate.address, candidate.port);
    const auto known = leaving.since.find(address);
    const Instant began = known == leaving.since.end() ? now : known->second;
    since[address] = began;
    const Due over = {IsOver(traffic.drain_request, began, now), IsOver(traffic.drain_tunnel, began, now)};
    const bool busy = std::any_of(state.servers.begin(), state.servers.end(), [&](const EdgeServerState& s) {
      return s.replica == candidate.replica && s.in_flight > 0;
    });
    if (busy && (over.requests || over.tunnels)) {
      due[address] = over;
      // Here HAProxy writes IPv6 without brackets.
      due[absl::StrCat(candidate.address, ":", candidate.port)] = over;
    }
  }
  leaving.since = std::move(since);
  for (const WorkerCommand& worker : workers) {
    leaving.closed += due.empty() ? 0 : Close(worker, backend, due);
  }
  state.closed_total = leaving.closed;
}

}  // namespace drover::agent
