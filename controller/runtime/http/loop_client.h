// What the HTTP side needs of the controller's loop, as a seam: the loop itself in the program, a
// fake in tests. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "controller/runtime/loop.h"

namespace drover::controller {

// Each function as the one of the same name in Loop.
class LoopClient {
 public:
  virtual ~LoopClient() = default;

  virtual Instant Now() const = 0;
  virtual void Post(Event event) = 0;
  virtual absl::StatusOr<Reply> Call(Event event, Duration timeout) = 0;
  virtual std::shared_ptr<const View> view() const = 0;
  virtual std::shared_ptr<const View> WaitView(const View* than, Duration timeout) const = 0;
  virtual std::vector<EventRecord> Events(uint64_t since, size_t limit, Duration timeout) const = 0;
  virtual Loop::Stats stats() const = 0;
};

// The loop outlives what is returned.
std::unique_ptr<LoopClient> MakeLoopClient(Loop* loop);

}  // namespace drover::controller
