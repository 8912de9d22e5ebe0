#include "agent/runtime/docker/demux.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace drover::agent::docker {
namespace {
constexpr size_t kHeaderSize = 8;
}

Demux::Demux(bool tty, std::function<bool(int, absl::string_view)> sink)
    : tty_(tty), sink_(std::move(sink)) {}

bool Demux::Feed(absl::string_view data) {
  if (tty_) {
    return data.empty() || sink_(1, data);
  }
  while (!data.empty()) {
    if (remaining_ == 0) {
      size_t take = std::min(kHeaderSize - header_.size(), data.size());
      header_.append(data.data(), take);
      data.remove_prefix(take);
      if (header_.size() < kHeaderSize) {
        return true;
      }
      source_ = header_[0] == 2 ? 2 : 1;
      for (size_t i = 4; i < kHeaderSize; ++i) {
        remaining_ = (remaining_ << 8) | static_cast<uint8_t>(header_[i]);
      }
      header_.clear();
      continue;
    }
    size_t take = std::min(remaining_, data.size());
    if (!sink_(source_, data.substr(0, take))) {
      return false;
    }
    data.remove_prefix(take);
    remaining_ -= take;
  }
  return true;
}

}  // namespace drover::agent::docker
