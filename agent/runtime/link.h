// The stream to a controller: connects (mTLS, or plain), says hello, reports at the interval that it was
// told and at once on news (R4.4), hands down what comes, and reconnects for ever with jitter. While there
// is no controller everything else of the agent goes on (static stability).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/runtime/report.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

struct LinkOptions {
  std::vector<std::string> controllers;  // "host:port", tried in turn
  std::optional<TlsFiles> tls;           // read anew for every connection
  Duration retry_first = absl::Milliseconds(100);
  Duration retry_max = absl::Seconds(5);
  Duration refused_retry = absl::Seconds(10);

  std::function<v1::Hello()> hello;
  // `regular`: at the interval, with samples; else only news. One thread at a time.
  std::function<ReportInput(bool regular)> collect;

  // On the link's reading thread; must not block.
  std::function<void(const v1::Welcome&)> welcome;
  std::function<void(const v1::ControllerMessage&)> message;  // all but welcome and refuse
  std::function<void(const std::string& why)> disconnected;   // also after an attempt that failed
};

class Link {
 public:
  explicit Link(LinkOptions options);
  ~Link();  // as Stop

  // Ends the stream and the threads; everybody who waits in Send returns. Repeating it is fine.
  void Stop();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Ends the stream under way; the next one reads the certificates anew. Thread-safe, does not block.
  void Reconnect();

  // A report as soon as may be (at most 10 a second). Thread-safe, does not block.
  void ReportNow();
  // Sends up between reports. Blocks while the queue is full; false when there is no stream.
  bool Send(v1::AgentMessage message);
  // The same without blocking: false also when the queue is full.
  bool TrySend(v1::AgentMessage message);

  struct Stats {
    uint64_t reports = 0;
    uint64_t connects = 0;  // streams that were welcomed
    bool connected = false;
  };

  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drover::agent
