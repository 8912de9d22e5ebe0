// Helpers around absl::Status, which is how operating failures travel (never exceptions).
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace drover {

// The same code with "CONTEXT: " in front of the message; OK stays OK.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) {
    return status;
  }
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

}  // namespace drover

#define DROVER_CONCAT_INNER(a, b) a##b
#define DROVER_CONCAT(a, b) DROVER_CONCAT_INNER(a, b)

// Returns from the function when `expression` (a Status) is not OK.
#define RETURN_IF_ERROR(expression)                                                           \
  do {                                                                                        \
    if (absl::Status drover_status = (expression); !drover_status.ok()) return drover_status; \
  } while (false)

// ASSIGN_OR_RETURN(auto value, StatusOrExpression): returns its status when it holds no value.
#define ASSIGN_OR_RETURN(lhs, expression)                         \
  auto DROVER_CONCAT(drover_status_or_, __LINE__) = (expression); \
  if (!DROVER_CONCAT(drover_status_or_, __LINE__).ok())           \
    return DROVER_CONCAT(drover_status_or_, __LINE__).status();   \
  lhs = *std::move(DROVER_CONCAT(drover_status_or_, __LINE__))
