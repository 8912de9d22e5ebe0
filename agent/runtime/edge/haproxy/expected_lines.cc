#include "agent/runtime/edge/haproxy/expected_lines.h"

#include <utility>

namespace drover::agent {
namespace {

constexpr Duration kLinePatience = absl::Seconds(2);
constexpr uint64_t kUnloggedRequests = 1000;

}  // namespace

void ExpectedLines::Keep(const std::vector<std::string>& backends) {
  std::map<std::string, Backend> kept;
  for (const std::string& name : backends) {
    if (const auto known = backends_.find(name); known != backends_.end()) {
      kept.insert(*known);
    }
  }
  backends_ = std::move(kept);
}

bool ExpectedLines::Writes(const std::string& backend, uint64_t heard, uint64_t finished, Instant now) {
  const auto [it, first] = backends_.try_emplace(backend);
  Backend& known = it->second;
  if (first || heard != known.heard || finished < known.newest) {
    known.heard = heard;
    known.finished = finished;
  }
  known.newest = finished;
  const uint64_t allowed = known.heard == 0 ? 0 : kUnloggedRequests;
  if (finished - known.finished <= allowed) {
    known.silent_since = now;
    return true;
  }
  return now - known.silent_since < kLinePatience;
}

}  // namespace drover::agent
