// Output of several replicas as one stream of LogLine: each is read by a thread of its own, lines come in
// the order in which they arrive. Ends when all of them have ended.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "controller/ports/agent_link.h"
#include "controller/runtime/http/api.h"
#include "drover/v1/api.pb.h"

namespace drover::controller {

class LogStream : public ByteStream {
 public:
  LogStream(const Api& api, Gate::Ticket ticket) : api_(api), ticket_(std::move(ticket)) {}

  // Ends reading; waits for it at most Api::stream_poll.
  ~LogStream() override;

  // Begins to read the output of the replica `name`.
  void Add(std::string name, std::unique_ptr<OutputStream> output);
  // A line that says why nothing (more) comes from `name`.
  void AddFault(const std::string& name, const absl::Status& status);

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
  std::vector<std::thread> readers_;
};

}  // namespace drover::controller
