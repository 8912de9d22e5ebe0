// Output of several replicas as one stream of LogLine: each is read by a thread of its own, lines come in
// the order in which they arrive. Ends when all of them have ended and no more are to come.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "controller/ports/agent_link.h"
#include "controller/runtime/http/api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {

class LogStream : public ByteStream {
 public:
  LogStream(const Api& api, Gate::Ticket ticket) : api_(api), ticket_(std::move(ticket)) {}

  // Asked at every poll for replicas to add; false: no more will come.
  using Refill = std::function<bool(LogStream& stream)>;

  // Ends reading; waits for it at most Api::stream_poll.
  ~LogStream() override;

  // Begins to read the output of the replica `name`.
  void Add(std::string name, std::unique_ptr<OutputStream> output);
  // A line that says why nothing (more) comes from `name`.
  void AddFault(const std::string& name, const absl::Status& status);

  // With follow: replicas that start later join.
  void RefillBy(Refill refill) { refill_ = std::move(refill); }

  // Replicas that are read now.
  size_t reading() const;

  bool Next(std::string& out) override;

 private:
  void Put(const v1::LogLine& line);
  void PutLine(const std::string& name, uint32_t source, std::string text);
  bool cancelled() const;
  void Read(const std::string& name, OutputStream& output);
  void SplitLines(const std::string& name, const OutputChunk& chunk, std::string& partial);
  void FlushPartial(const std::string& name, std::map<uint32_t, std::string>& partial);

  const Api api_;
  const Gate::Ticket ticket_;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<std::string> lines_;  // JSON
  size_t reading_ = 0;             // replicas not at their end
  bool cancelled_ = false;
  uint64_t silent_ = 0;  // polls without a line
  Refill refill_;        // empty: no more will come

  struct Reader {
    std::thread thread;
    bool ended = false;
  };

  std::list<Reader> readers_;
};

}  // namespace drover::controller
