// The form of a history file: a head, then frames, each with what is needed to find the next one again
// when bytes in between were damaged.
//
//   head    "DROVERH1", start of the segment (ns since 1970, int64)
//   frame   'D' 'H' 1 kind · length of payload · key of the service · CRC-32 of kind, length, key, payload
//           · payload: drover.v1.HistoryRecord                                  (uint32 each, little endian)
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/ids.h"

namespace drover::controller {

enum class FrameKind : uint8_t { kEvaluation = 1, kOutcome = 2, kEvent = 3, kMean = 4 };

struct Frame {
  FrameKind kind = FrameKind::kEvaluation;
  uint32_t service = 0;
  absl::string_view payload;
};

// Frames of other services may share a key, seldom; 0: about none.
uint32_t FrameKey(const ServiceKey& service);
uint32_t Checksum(absl::string_view bytes);

std::string SegmentHead(absl::Time start);
void AppendFrame(const Frame& frame, std::string& out);

// Walks over the bytes of a segment, which must outlive it.
class SegmentWalk {
 public:
  explicit SegmentWalk(absl::string_view bytes);

  // Absent when the head is damaged; the frames may be good all the same.
  std::optional<absl::Time> start() const { return start_; }

  // The next whole frame; absent at the end.
  std::optional<Frame> Next();

  // Bytes that belong to no whole frame so far. A torn tail counts too.
  uint64_t damaged() const { return damaged_; }

 private:
  std::optional<Frame> FrameAt(size_t at) const;

  absl::string_view bytes_;
  std::optional<absl::Time> start_;
  size_t at_ = 0;
  uint64_t damaged_ = 0;
};

}  // namespace drover::controller
