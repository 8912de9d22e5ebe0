// Reads the log line of one request, as a balancer writes it. Pure. Which times of it are taken:
//
//   HAProxy   "BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS" anywhere in the line: our own short format, and also
//             `option httplog`. What the client takes to send its request (TR) is left out; Tw, the wait for
//             a server, includes the time for which a request is held while there is none.
//   nginx     "drover UPSTREAM STATUS ADDRESSES TIMES" at the end of the line, being $upstream_addr and
//             $upstream_response_time: of each server that was tried. There is no queue.
//
// Both end with the last byte of the answer. A request that never came to a replica (refused, timed out while
// it waited) tells nothing of them and has no times; a tunnel (101) is as long as its client likes and has
// none either.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/time.h"

namespace drover::agent {

struct RequestLine {
  struct Times {
    Duration answered;  // from when the balancer had the request to the end of the answer
    Duration replica;   // of that, without the wait in the balancer
  };

  std::string backend;
  std::optional<Times> times = {};
};

// Absent: no line of the kind.
std::optional<RequestLine> ReadHaproxyLine(absl::string_view line);
// `refusing_port`: where nginx itself answers for a set without replicas.
std::optional<RequestLine> ReadNginxLine(absl::string_view line, uint32_t refusing_port);

}  // namespace drover::agent
