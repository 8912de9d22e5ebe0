// Keeps the node's certificate good: when two thirds of its life are over, a new key is made and a
// certificate for it is asked for over the open stream; the stream is then opened anew with it. Without an
// answer the request is repeated until the end.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "agent/config/config.h"
#include "common/ids.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

class Renewal {
 public:
  struct Options {
    TlsFiles files;  // of the membership; cert and key are one file
    NodeId node;
    // On the renewal's thread.
    std::function<bool(v1::AgentMessage)> send;  // false: there is no stream
    std::function<void()> renewed;               // the next connection uses the new one
  };

  explicit Renewal(Options options);
  ~Renewal();
  Renewal(const Renewal&) = delete;
  Renewal& operator=(const Renewal&) = delete;

  // The controller's answer; thread-safe, does not block.
  void Take(const v1::Certificate& certificate);

 private:
  void Run();
  // Until when nothing is to be done; nullopt: the file can't be read.
  std::optional<absl::Time> DueAt();
  void Ask();
  absl::Status Use(const v1::Certificate& certificate);

  const Options options_;
  absl::Duration retry_ = absl::Seconds(1);  // with the life of the certificate
  std::string key_;                          // of the request under way; on the thread
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::optional<v1::Certificate> answer_;
  std::thread thread_;
};

}  // namespace drover::agent
