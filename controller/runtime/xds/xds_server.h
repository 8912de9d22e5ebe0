// Serves xDS (ADS, state of the world) to gRPC clients and Envoy, from the controller's views, and tells the
// core what all clients together have.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/core/event.h"
#include "controller/core/view.h"
#include "controller/runtime/tls_files.h"

namespace drover::controller {

class XdsServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7402";  // ADDRESS:PORT
    std::optional<TlsFiles> tls;            // then clients must show a certificate of its CA; absent: plain
    // May who shows this certificate (PEM) be served? Absent: everybody may whose certificate is good.
    std::function<absl::Status(const std::string& certificate)> admit;
    // A client that went away may serve on with what it had for so long.
    Duration remembered = absl::Seconds(60);
    // As in Loop; called on the server's own threads.
    std::function<std::shared_ptr<const View>(const View* than, Duration timeout)> wait_view;
    std::function<void(Event)> post;
  };

  // InvalidArgument: a file of `tls`. Unavailable: the address can't be listened on.
  static absl::StatusOr<std::unique_ptr<XdsServer>> Start(Options options);

  virtual ~XdsServer() = default;

  virtual int port() const = 0;
  // Ends all streams; clients go on with what they have. Once.
  virtual void Stop() = 0;
};

}  // namespace drover::controller
