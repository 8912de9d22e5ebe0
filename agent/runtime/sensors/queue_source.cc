#include "agent/runtime/sensors/queue_source.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/sensors/external_probe.h"
#include "agent/runtime/sensors/http_probe.h"
#include "agent/runtime/sensors/redis_probe.h"
#include "common/utf8.h"

namespace drover::agent {
namespace {

using Queue = v1::QueueSpec;

constexpr size_t kLongestError = 500;

// Bytes of the character at the start of `text`; 0: it is none that can be printed.
size_t PrintableLength(absl::string_view text) {
  return absl::ascii_iscntrl(static_cast<unsigned char>(text[0])) ? 0 : Utf8Length(text);
}

class Unsupported : public QueueSource {
 public:
  std::vector<QueueReading> Read(const std::vector<const v1::Probe*>& probes) override {
    std::vector<QueueReading> readings;
    for (const v1::Probe* probe : probes) {
      readings.push_back(UnknownReading(absl::StrCat("queue ", probe->queue().name(), ": kind ",
                                                     Queue::Kind_Name(probe->queue().kind()),
                                                     " is not measured by this version of the agent")));
    }
    return readings;
  }
};

}  // namespace

QueueReading UnknownReading(absl::string_view error) {
  QueueReading reading;
  while (!error.empty() && reading.error.size() < kLongestError) {
    const size_t size = PrintableLength(error);
    if (size == 0) {
      reading.error += '?';
    } else {
      absl::StrAppend(&reading.error, error.substr(0, size));
    }
    error.remove_prefix(size == 0 ? 1 : size);
  }
  return reading;
}

std::string SourceKey(const v1::Probe& probe) {
  switch (probe.queue().kind()) {
    case Queue::REDIS_LIST:
    case Queue::REDIS_STREAM:
    case Queue::REDIS_ZSET:
      return RedisServerKey(probe.queue());
    case Queue::HTTP_JSON:
    case Queue::PROMETHEUS:
    case Queue::EXTERNAL:
      // A query that takes long delays no other one.
      return absl::StrCat("probe ", probe.handle(), " ", probe.queue().url(), " ",
                          probe.queue().endpoints().empty() ? "" : probe.queue().endpoints(0).host());
    default:
      return "unsupported";
  }
}

std::unique_ptr<QueueSource> MakeSource(const v1::Probe& like, Duration timeout) {
  switch (like.queue().kind()) {
    case Queue::REDIS_LIST:
    case Queue::REDIS_STREAM:
    case Queue::REDIS_ZSET:
      return std::make_unique<RedisServer>(like.queue(), timeout);
    case Queue::HTTP_JSON:
    case Queue::PROMETHEUS:
      return std::make_unique<HttpSource>(timeout);
    case Queue::EXTERNAL:
      return MakeExternalSource(timeout);
    default:
      return std::make_unique<Unsupported>();
  }
}

Duration TimeoutOf(const v1::QueueSpec& queue, Duration otherwise) {
  const Duration written =
      absl::Seconds(queue.timeout().seconds()) + absl::Nanoseconds(queue.timeout().nanos());
  return written > absl::ZeroDuration() ? written : otherwise;
}

}  // namespace drover::agent
