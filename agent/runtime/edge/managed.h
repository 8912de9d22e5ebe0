// A HAProxy of Drover's own: keeps it running with the right file, reloads it when services, listeners
// or certificates change, and drives its slots through the runtime API for everything else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "agent/runtime/edge/drive.h"
#include "agent/runtime/edge/haproxy.h"
#include "agent/runtime/edge/process.h"
#include "agent/runtime/edge/render.h"

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
  };

  absl::StatusOr<RuntimeSession> OpenStats(Deadline deadline) const;
  absl::Status DropListenersThatCannotBe(const std::string& frontends, std::vector<RenderedSet>& sets) const;
  std::string Identity(const std::vector<RenderedSet>& sets) const;
  std::string Render(const Round& round) const;
  // Checks; when HAProxy names a certificate of some set, leaves that set's listeners out and tries again.
  absl::Status CheckAndWrite(Round& round);
  absl::StatusOr<RuntimeSession> Start(Round& round);
  absl::StatusOr<RuntimeSession> Reload(Round& round);
  absl::StatusOr<RuntimeSession> EnsureRunning(Round& round, ProcessInfo& info);
  void KeepFileCurrent(const Round& round);

  HaproxyOptions options_;
  HaproxyPaths paths_;
  HaproxyProcess process_;
  SlotRows rows_;                                        // as read last
  std::map<std::string, std::string> bad_certificates_;  // path and stamp -> HAProxy's words
  std::string written_;                                  // the file as it is
  std::optional<Instant> written_at_;
  std::optional<Instant> reloading_since_;
  std::optional<Instant> silent_since_;  // the master lives, the socket is refused
  uint64_t reloads_ = 0;
};

}  // namespace drover::agent
