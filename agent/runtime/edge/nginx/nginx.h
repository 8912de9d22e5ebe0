// The Edge adapter for nginx (open source), the only name of this folder that others need.
//
// Managed: Drover writes the configuration and starts nginx in a session of its own, so that it outlives
// the agent (R6.4). Attached: the process and its file belong to somebody else; Drover owns one include
// file per upstream in a folder of its own and touches nothing else (R6.6).
// Either way every change of replicas is a reload, at most one a second; docs/balancers.md says what that
// costs clients with keep-alive, and what to do about it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/ports/edge.h"
#include "common/time.h"

namespace drover::agent {

struct NginxOptions {
  std::string program = "nginx";  // a path, or a name looked up in PATH and the sbin folders
  std::string dir;                // for nginx.conf, wanted sets, pid, log; made with mode 0700
  std::string bind = "0.0.0.0";   // address of listeners that name none

  std::string keeper;  // path of drover-agent, which keeps nginx running; empty: only this process

  // Of a foreign nginx; `include_dir` empty: managed.
  std::string include_dir;                  // which its http block includes as DIR/*.conf; must exist
  std::string pid_file = "/run/nginx.pid";  // of its master
  std::string config;                       // for its `nginx -t`; empty: the one it was built with

  // Limits of a managed nginx, written into its configuration.
  Duration client_timeout = absl::Seconds(60);
  Duration server_timeout = absl::Seconds(60);
  Duration shutdown_timeout = absl::Seconds(70);  // longer than the longest request
};

// Reads back what `dir` holds of an earlier agent (its wanted sets stay in force until SetDesired).
// Starts or touches no process yet: the first Reconcile does. Errors: InvalidArgument (a folder that is
// empty), NotFound (no such program or folder), or the file system's.
absl::StatusOr<std::unique_ptr<Edge>> MakeNginxEdge(const NginxOptions& options);

}  // namespace drover::agent
