// The Edge adapter for HAProxy, the only name of this folder that others need.
//
// Managed: Drover writes the configuration and starts HAProxy in a session of its own, so that it
// outlives the agent (R6.4); replicas come and go through the runtime socket, in slots that the
// configuration declares beforehand, so no change of replicas ever reloads it (R6.5).
// Attached: the process and its file belong to somebody else; Drover drives the servers drv1…drvN of
// one named backend and touches nothing else (R6.6).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "common/time.h"

namespace drover::agent {

struct HaproxyOptions {
  std::string program = "haproxy";  // a path, or a name looked up in PATH and the sbin folders
  std::string dir;                  // for haproxy.cfg, wanted sets, sockets, pid; made with mode 0700
  std::string bind = "0.0.0.0";     // address of listeners that name none
  std::string keeper;         // path of drover-agent, which keeps HAProxy running; empty: only this process
  std::string attach_socket;  // stats socket (path or ADDRESS:PORT) of a foreign HAProxy; empty: managed
  bool behind_proxy = false;  // another proxy comes first: its X-Forwarded headers are kept

  // Limits of a managed HAProxy, written into its configuration.
  Duration client_timeout = absl::Seconds(60);
  Duration server_timeout = absl::Seconds(60);
  Duration hard_stop_after = absl::Seconds(70);  // longer than the longest request
  uint32_t maxconn = 0;  // client connections in all; 0: what its file descriptor limit allows
};

// Reads back what `dir` holds of an earlier agent (its wanted sets stay in force until SetDesired).
// Starts or touches no process yet: the first Reconcile does. Errors: InvalidArgument (dir empty or
// its socket paths too long), NotFound (no such program, managed only), or the file system's.
absl::StatusOr<std::unique_ptr<Edge>> MakeHaproxyEdge(const HaproxyOptions& options);

}  // namespace drover::agent
