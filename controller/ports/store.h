// Durable state of a controller.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/record.h"

namespace drover::controller {

class StateStore {
 public:
  virtual ~StateStore() = default;

  // Everything kept, with the cluster id made at first start. Raises the epoch durably before it
  // returns (R1.2). Errors: DataLoss (damaged file), FailedPrecondition (newer schema), Unavailable.
  struct Opened {
    StoredState state;
    Epoch epoch;
  };

  virtual absl::StatusOr<Opened> Open() = 0;

  // Applies all changes or none; durable when it returns OK. Blocks. Errors: Unavailable,
  // ResourceExhausted (disk full). May be called again with the same changes.
  virtual absl::Status Commit(const std::vector<StoreChange>& changes) = 0;
};

}  // namespace drover::controller
