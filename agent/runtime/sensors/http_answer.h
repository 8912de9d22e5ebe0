// Finding the one number in what an HTTP source answers. Pure. An answer without one is an error that says
// what would be right; it is never zero (R4).
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace drover::agent {

// `path`: a JSON Pointer ("/queues/0/depth") or names and indexes with dots ("queues.0.depth"). A number, or
// text that is one. InvalidArgument.
absl::StatusOr<double> NumberInJson(const std::string& body, const std::string& path);

// An answer of Prometheus' /api/v1/query: a scalar, or a vector of one series. InvalidArgument.
absl::StatusOr<double> NumberInPrometheus(const std::string& body);

// What Prometheus says of a query that failed, "bad_data: parse error …"; empty when `body` is no such
// answer.
std::string PrometheusError(const std::string& body);

}  // namespace drover::agent
