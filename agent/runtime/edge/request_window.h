// What the requests of the last 10 s took, by backend, from the log lines that come in. Bounded: backends are
// those that are wanted, and at most 500 lines a second count. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/runtime/edge/request_line.h"
#include "common/request_times.h"
#include "common/time.h"

namespace drover::agent {

constexpr int kLinesPerSecond = 500;

class RequestWindow {
 public:
  // Lines of other backends are nobody's.
  void Expect(const std::vector<std::string>& backends);

  void Hear(const RequestLine& line, Instant now);

  // Of the whole seconds before `now`'s and of that one so far, ten in all. Absent: not one line of it was
  // heard since it is expected.
  std::optional<RequestTimes> Times(const std::string& backend, Instant now) const;
  // Lines heard of it, whatever they said.
  uint64_t Heard(const std::string& backend) const;

 private:
  struct Second {
    int64_t second = 0;
    RequestTimes times;
  };

  struct Backend {
    std::deque<Second> seconds;  // oldest first
    uint64_t heard = 0;
  };

  std::map<std::string, Backend> backends_;
  int64_t second_ = 0;
  int lines_ = 0;  // in that second
};

}  // namespace drover::agent
