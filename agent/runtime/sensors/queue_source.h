// What a queue's depth is read from: one object per broker or per query, used by one thread (prober.h).
// Reading blocks with deadlines of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/time.h"
#include "drover/v1/agent.pb.h"

namespace drover::agent {

// One queue as read, or why not.
struct QueueReading {
  std::optional<double> ready;  // jobs that no worker has taken; of other metrics the value
  std::optional<double> held;   // taken, not acknowledged; absent: the source does not tell
  std::optional<bool> active;   // the source's own word on whether there is work; absent: none
  std::string error;            // "redis 10.0.0.5:6379: WRONGPASS …"; empty when known

  bool known() const { return error.empty(); }
};

// Errors quote what strangers answer: bytes that are no printable text become '?', the end of a long one is
// cut off.
QueueReading UnknownReading(absl::string_view error);

inline QueueReading KnownReading(double ready, std::optional<double> held = std::nullopt) {
  return {.ready = ready, .held = held, .active = std::nullopt, .error = {}};
}

class QueueSource {
 public:
  virtual ~QueueSource() = default;

  // One round, answers in the order of `probes`. What was lost in the round before is opened anew, with
  // files of passwords read again.
  virtual std::vector<QueueReading> Read(const std::vector<const v1::Probe*>& probes) = 0;

  // Ends a Read that is under way in another thread, soon. Any thread.
  virtual void Abort() {}
};

// Probes with an equal key share a source, and therefore a thread.
std::string SourceKey(const v1::Probe& probe);

// The source of `like` and all probes of its key; one of a kind that is not measured says so of every
// queue. `timeout`: of one read, where the queue states none.
std::unique_ptr<QueueSource> MakeSource(const v1::Probe& like, Duration timeout);

// The queue's own timeout, else `otherwise`.
Duration TimeoutOf(const v1::QueueSpec& queue, Duration otherwise);

}  // namespace drover::agent
