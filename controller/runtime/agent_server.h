// The gRPC server that agents connect to: one bidirectional stream each. Translates what they say into
// events for the loop and carries its orders down; also the AgentLink of the HTTP handlers.
//
// Levels, not edges: what waits to be sent is replaced by a newer one where that says it all
// (backend sets, probes, full assignments), and a stream that falls too far behind is closed; its
// agent connects again and gets the full state.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "controller/core/event.h"
#include "controller/core/ready.h"
#include "controller/ports/agent_link.h"
#include "controller/runtime/access/audit.h"
#include "controller/runtime/access/membership.h"
#include "controller/runtime/agent_listener.h"
#include "controller/runtime/secret_contents.h"
#include "controller/runtime/tls_files.h"

namespace drover::controller {

class AgentServer : public AgentLink {
 public:
  struct Options {
    std::string listen;                              // "ADDRESS:PORT"; port 0: any free one
    std::optional<TlsFiles> tls;                     // absent: plain
    Duration report_interval = absl::Seconds(1);     // told to agents
    Duration hello_timeout = absl::Seconds(5);       // from connect to Hello
    Duration heartbeat_interval = absl::Seconds(1);  // to nodes with singletons (R7.2)
    AdmissionRate admission{250, 50};                // of connections (R13)
    const SecretContents* secrets = nullptr;         // not owned; null: none
    // Whose certificates are refused, and who renews them. Not owned; null: they come from elsewhere.
    Membership* membership = nullptr;
    AuditLog* audit = nullptr;  // not owned; null: none
    // Thread-safe; to the loop. `quiet`: a report that says nothing but newer samples.
    std::function<void(Event, bool quiet)> post;
  };

  static std::unique_ptr<AgentServer> Create(Options options);

  // Once. Errors: Unavailable (address in use or not ours), InvalidArgument (TLS files), each with
  // what would be right.
  virtual absl::Status Listen() = 0;
  // The port that it listens on.
  virtual int port() const = 0;
  // Thread-safe; dropped when the order's stream is closed.
  virtual void Send(Order order) = 0;
  // Ends the stream of `node`, with a refusal by name. Thread-safe.
  virtual void Cut(const NodeId& node, const std::string& message) = 0;
  // Streams by agents that said Hello.
  virtual size_t connected() const = 0;
  // Closes all streams and waits for them, at most half a second. Nothing is posted afterwards.
  virtual void Stop() = 0;
};

}  // namespace drover::controller
