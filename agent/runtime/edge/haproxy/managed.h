// A HAProxy of Drover's own: keeps it running with the right file, reloads it when services, listeners
// or certificates change, and drives its slots through the runtime API for everything else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "agent/runtime/edge/haproxy/drain_limit.h"
#include "agent/runtime/edge/haproxy/drive.h"
#include "agent/runtime/edge/haproxy/haproxy.h"
#include "agent/runtime/edge/haproxy/process.h"
#include "agent/runtime/edge/haproxy/render.h"
#include "agent/runtime/edge/listener_check.h"

namespace drover::agent {

class ManagedHaproxy {
 public:
  ManagedHaproxy(HaproxyOptions options, std::string program);

  // One round for the whole list of sets. `sets` absent: nobody said anything yet, so only look.
  EdgeState Reconcile(const std::optional<std::vector<EdgeSet>>& sets, Instant now);

 private:
  // What a round works with.
  struct Round {
    std::vector<RenderedSet> sets;
    std::string identity;
    Deadline deadline;
    Instant now;
    bool in_force = false;  // the process runs with `identity`
  };

  // A copy of the sets that the running process was configured with, for writing its file.
  struct InForce {
    std::vector<EdgeSet> sets;
    std::vector<RenderedSet> rendered;  // pointing into `sets`
    std::string identity;
  };

  absl::StatusOr<RuntimeSession> OpenStats(Deadline deadline) const;
  absl::Status DropListenersThatCannotBe(const std::string& frontends, std::vector<RenderedSet>& sets) const;
  std::string Identity(const std::vector<RenderedSet>& sets) const;
  std::string Render(const std::vector<RenderedSet>& sets, const std::string& identity) const;
  // Checks; when HAProxy names a certificate of some set, leaves that set's listeners out and tries again.
  absl::Status CheckAndWrite(Round& round);
  // With the last file that was accepted when the new one is not.
  absl::StatusOr<RuntimeSession> Start(Round& round);
  absl::StatusOr<RuntimeSession> Reload(Round& round, ProcessInfo& info);
  absl::StatusOr<RuntimeSession> TryReload(Round& round, RuntimeSession session, ProcessInfo& info);
  bool WaitsForHeld(const Round& round, RuntimeSession& session);
  absl::StatusOr<RuntimeSession> EnsureRunning(Round& round, ProcessInfo& info);
  // False: it is behind, look again soon.
  bool KeepFileCurrent(const Round& round);
  // What workers of before a reload still have, where there may be some.
  OldLoad ReadOld(const Round& round);
  // Where a round begins: at the set that the one before had no time for.
  size_t FirstOf(const std::vector<RenderedSet>& sets);
  // Of the process as it is, and of those that a reload left. Not longer than `session`.
  std::vector<WorkerCommand> Workers(RuntimeSession& session, const OldLoad& old, Deadline deadline) const;

  HaproxyOptions options_;
  HaproxyPaths paths_;
  HaproxyProcess process_;
  SlotRows rows_;  // as read last
  ListenerCheck listeners_;
  DrainLimits drain_limits_;
  ServerCounts counts_;
  std::optional<InForce> in_force_;
  std::string resume_at_;  // backend; empty: the round before came to its end
  std::string written_;    // the file as it is
  std::optional<Instant> written_at_;
  std::optional<Instant> reload_tried_at_;
  std::string reload_fault_;             // why the last try is not in force; empty: it is
  std::optional<Instant> silent_since_;  // the master lives, the socket is refused
  std::optional<Instant> held_since_;    // a reload is due and requests wait for a first replica
  uint64_t reloads_ = 0;
  bool old_workers_ = true;  // there may be some: a reload before this agent's start, or since
};

}  // namespace drover::agent
