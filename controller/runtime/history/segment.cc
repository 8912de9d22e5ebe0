#include "controller/runtime/history/segment.h"

#include <zlib.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace drover::controller {
namespace {

constexpr absl::string_view kMagic = "DROVERH1";
constexpr size_t kHeadSize = 16;
constexpr absl::string_view kMark("DH\x01", 3);
constexpr size_t kFrameHead = 16;
constexpr size_t kChecksumAt = 12;

void PutInt(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

uint64_t GetInt(absl::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}

// Over the head up to the checksum, and the payload.
uint32_t FrameSum(absl::string_view head, absl::string_view payload) {
  const auto add = [](uLong sum, absl::string_view bytes) {
    return crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  };
  return static_cast<uint32_t>(add(add(0, head), payload));
}

}  // namespace

uint32_t Checksum(absl::string_view bytes) { return FrameSum("", bytes); }

uint32_t FrameKey(const ServiceKey& service) {
  return service.service.empty() ? 0 : Checksum(ToString(service)) | 1;
}

std::string SegmentHead(absl::Time start) {
  std::string out(kMagic.data(), kMagic.size());
  PutInt(static_cast<uint64_t>(absl::ToUnixNanos(start)), 8, out);
  return out;
}

void AppendFrame(const Frame& frame, std::string& out) {
  const size_t at = out.size();
  out.append(kMark.data(), kMark.size());
  out.push_back(static_cast<char>(frame.kind));
  PutInt(frame.payload.size(), 4, out);
  PutInt(frame.service, 4, out);
  PutInt(FrameSum(absl::string_view(out).substr(at), frame.payload), 4, out);
  out.append(frame.payload.data(), frame.payload.size());
}

SegmentWalk::SegmentWalk(absl::string_view bytes) : bytes_(bytes) {
  if (bytes.size() >= kHeadSize && bytes.substr(0, kMagic.size()) == kMagic) {
    start_ = absl::FromUnixNanos(static_cast<int64_t>(GetInt(bytes, kMagic.size(), 8)));
    at_ = kHeadSize;
  }
}

std::optional<Frame> SegmentWalk::FrameAt(size_t at) const {
  if (at + kFrameHead > bytes_.size() || bytes_.substr(at, kMark.size()) != kMark) {
    return std::nullopt;
  }
  const size_t length = GetInt(bytes_, at + 4, 4);
  if (length > bytes_.size() - at - kFrameHead) {
    return std::nullopt;
  }
  Frame frame;
  frame.kind = static_cast<FrameKind>(bytes_[at + kMark.size()]);
  frame.service = static_cast<uint32_t>(GetInt(bytes_, at + 8, 4));
  frame.payload = bytes_.substr(at + kFrameHead, length);
  if (FrameSum(bytes_.substr(at, kChecksumAt), frame.payload) != GetInt(bytes_, at + kChecksumAt, 4)) {
    return std::nullopt;
  }
  return frame;
}

std::optional<Frame> SegmentWalk::Next() {
  while (at_ < bytes_.size()) {
    if (std::optional<Frame> frame = FrameAt(at_)) {
      at_ += kFrameHead + frame->payload.size();
      return frame;
    }
    const size_t next = std::min(bytes_.find(kMark, at_ + 1), bytes_.size());
    damaged_ += next - at_;
    at_ = next;
  }
  return std::nullopt;
}

}  // namespace drover::controller
