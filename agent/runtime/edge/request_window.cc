#include "agent/runtime/edge/request_window.h"

namespace drover::agent {
namespace {

constexpr int64_t kSeconds = 10;

int64_t SecondOf(Instant now) { return now.nanoseconds() / 1'000'000'000; }

}  // namespace

void RequestWindow::Expect(const std::vector<std::string>& backends) {
  std::map<std::string, Backend> kept;
  for (const std::string& name : backends) {
    const auto known = backends_.find(name);
    kept[name] = known == backends_.end() ? Backend() : std::move(known->second);
  }
  backends_ = std::move(kept);
}

void RequestWindow::Hear(const RequestLine& line, Instant now) {
  const auto it = backends_.find(line.backend);
  if (it == backends_.end()) {
    return;
  }
  Backend& backend = it->second;
  ++backend.heard;
  const int64_t second = SecondOf(now);
  if (second != second_) {
    second_ = second;
    lines_ = 0;
  }
  if (backend.seconds.empty() || backend.seconds.back().second != second) {
    backend.seconds.emplace_back().second = second;
    while (backend.seconds.front().second <= second - kSeconds) {
      backend.seconds.pop_front();
    }
  }
  RequestTimes& times = backend.seconds.back().times;
  if (++lines_ > kLinesPerSecond) {
    ++times.dropped;
  } else if (line.times) {
    times.answered.Add(line.times->answered);
    times.replica.Add(line.times->replica);
  }
}

std::optional<RequestTimes> RequestWindow::Times(const std::string& backend, Instant now) const {
  const auto it = backends_.find(backend);
  if (it == backends_.end() || it->second.heard == 0) {
    return std::nullopt;
  }
  RequestTimes sum;
  for (const Second& part : it->second.seconds) {
    if (part.second > SecondOf(now) - kSeconds) {
      sum.answered.Merge(part.times.answered);
      sum.replica.Merge(part.times.replica);
      sum.dropped += part.times.dropped;
    }
  }
  return sum;
}

uint64_t RequestWindow::Heard(const std::string& backend) const {
  const auto it = backends_.find(backend);
  return it == backends_.end() ? 0 : it->second.heard;
}

}  // namespace drover::agent
