// The load of one service as the balancers see it: summed over the edges that route to it. What an edge
// does not say is missing, with the reason, never zero (R4).
#pragma once

#include <optional>
#include <string>

#include "common/request_times.h"
#include "controller/core/model.h"

namespace drover::controller {

// A sum over edges. Where a part is missing it is at least so much.
struct EdgeSum {
  double value = 0;
  std::string missing;  // why a part is not known; empty: `value` is the whole
};

struct EdgeLoad {
  EdgeSum in_flight;  // requests with the replicas, draining ones included, and waiting for one
  EdgeSum waiting;    // of these, those that no replica has yet
  EdgeSum rate;       // requests/s that come
  // Totals since any start, of which only differences mean something; absent: some edge's is not known.
  std::optional<double> arrived;
  std::optional<double> finished;
  // Requests that a replica gets at a time from all of them together; absent: one of them sets no limit.
  std::optional<double> slots;
  // Of the edges that tell of single requests, each by the number of its requests.
  RequestTimes times = {};
  std::string untold = {};               // why some edge, though it could, doesn't; empty: none
  Duration age;                          // of the oldest reading used; with none used, of the oldest there is
  std::optional<Instant> stale_at = {};  // when the first of these readings is too old
};

// Readings are believed up to `fresh_for`. Silent edges count as edges (R6.3): their part is missing.
EdgeLoad LoadOf(const Model& model, const Service& service, Duration fresh_for);

}  // namespace drover::controller
