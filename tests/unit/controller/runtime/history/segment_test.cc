#include "controller/runtime/history/segment.h"

#include <gtest/gtest.h>

namespace drover::controller {
namespace {

std::string ThreeFrames() {
  std::string bytes = SegmentHead(absl::FromUnixSeconds(1'700'000'000));
  for (const char* payload : {"first", "second", "third"}) {
    AppendFrame({FrameKind::kEvent, 7, payload}, bytes);
  }
  return bytes;
}

std::vector<std::string> Payloads(const std::string& bytes, uint64_t* damaged = nullptr) {
  std::vector<std::string> payloads;
  SegmentWalk walk(bytes);
  while (const auto frame = walk.Next()) {
    payloads.emplace_back(frame->payload.data(), frame->payload.size());
  }
  if (damaged != nullptr) {
    *damaged = walk.damaged();
  }
  return payloads;
}

using Words = std::vector<std::string>;

TEST(SegmentTest, ReadsBackWhatWasWritten) {
  const std::string bytes = ThreeFrames();
  SegmentWalk walk(bytes);
  EXPECT_EQ(walk.start(), absl::FromUnixSeconds(1'700'000'000));
  const auto frame = walk.Next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, FrameKind::kEvent);
  EXPECT_EQ(frame->service, 7U);
  EXPECT_EQ(Payloads(bytes), (Words{"first", "second", "third"}));
}

TEST(SegmentTest, ATornTailCostsItsLastRecordOnly) {
  const std::string whole = ThreeFrames();
  for (size_t cut = 1; cut < 21; ++cut) {
    uint64_t damaged = 0;
    EXPECT_EQ(Payloads(whole.substr(0, whole.size() - cut), &damaged), (Words{"first", "second"}));
    EXPECT_EQ(damaged, 21 - cut);
  }
}

TEST(SegmentTest, ADamagedByteCostsItsRecordOnly) {
  const std::string whole = ThreeFrames();
  for (size_t at = 16 + 21; at < 16 + 21 + 22; ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    EXPECT_EQ(Payloads(bytes), (Words{"first", "third"})) << at;
  }
}

TEST(SegmentTest, ADamagedHeadCostsNoRecord) {
  std::string bytes = ThreeFrames();
  bytes[2] = 'x';
  EXPECT_EQ(SegmentWalk(bytes).start(), std::nullopt);
  EXPECT_EQ(Payloads(bytes), (Words{"first", "second", "third"}));
  EXPECT_EQ(Payloads("").size(), 0U);
}

}  // namespace
}  // namespace drover::controller
