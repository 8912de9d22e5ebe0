// HTTP to the Docker Engine over its unix socket (cpp-httplib). Every call has a deadline (R3.8); a
// stream has none, but ends when it is cancelled. One connection a call: about 50 µs, and no call can
// disturb another.
//
// Thread-safe. This and exec_stream.h are the only places that know the socket.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/time.h"

namespace drover::agent::docker {

// Ends a stream from another thread. Keep it in a shared_ptr: the stream registers itself in it.
class Cancel {
 public:
  // Ends the stream now running, and every later one at once.
  void Trigger();
  bool triggered() const;

  // Calls `hook` when triggered (at once when it was already); replaces the former hook. Used by the
  // streams themselves. An empty hook takes it away; returns after a running one has ended.
  void SetHook(std::function<void()> hook);

 private:
  mutable std::mutex mutex_;
  bool triggered_ = false;
  std::function<void()> hook_;
};

struct HttpCall {
  std::string method;  // GET, POST, DELETE
  std::string path;    // with the version prefix and the query
  std::string body;    // JSON; empty: none
  std::map<std::string, std::string> headers;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

class Transport {
 public:
  explicit Transport(std::string socket_path);

  // The whole answer, whatever its status. Unavailable: the engine does not answer on the socket;
  // DeadlineExceeded: not within `deadline`.
  absl::StatusOr<HttpAnswer> Call(const HttpCall& call, Duration deadline) const;

  // Gives a 2xx answer to `sink` piece by piece until it ends, is cancelled (Cancelled), `sink` returns
  // false (OK), or nothing came for `idle` (DeadlineExceeded). An answer that is not 2xx comes back in
  // the body.
  absl::StatusOr<HttpAnswer> Stream(const HttpCall& call, Duration idle,
                                    const std::function<bool(absl::string_view)>& sink,
                                    const std::shared_ptr<Cancel>& cancel) const;

  const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

// Percent-encodes everything but unreserved characters, for query values and path segments.
std::string UrlEncode(absl::string_view text);

}  // namespace drover::agent::docker
