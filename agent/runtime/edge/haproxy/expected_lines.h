// Whether a HAProxy of somebody else writes the log lines that times of requests are taken from: its file
// can't be read, but requests that it has counted and no line tells of show it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/time.h"

namespace drover::agent {

class ExpectedLines {
 public:
  // Forgets all other backends.
  void Keep(const std::vector<std::string>& backends);

  // `heard`: lines so far, `finished`: requests that the backend has counted as ended, both only growing; a
  // counter that fell belongs to another process. False: a request ended 2 s ago and no line came, or, where
  // lines came before, a thousand requests did (its owner may log a sample of them).
  bool Writes(const std::string& backend, uint64_t heard, uint64_t finished, Instant now);

 private:
  struct Backend {
    uint64_t heard = 0;
    uint64_t finished = 0;  // when a line was last heard, or the backend first seen
    uint64_t newest = 0;
    Instant silent_since;  // no request ended before without a line
  };

  std::map<std::string, Backend> backends_;
};

}  // namespace drover::agent
