#include "controller/runtime/agent_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/controller/runtime/spec_builder.h"

namespace drover::controller {
namespace {

const NodeId kA("00000000000000aa");
const NodeId kB("00000000000000bb");

v1::StreamChunk Chunk(uint64_t request, const std::string& data, bool end = false) {
  v1::StreamChunk chunk;
  chunk.set_request(request);
  chunk.set_data(data);
  chunk.set_end(end);
  return chunk;
}

TEST(AgentRequestsTest, ImagesOfNodesThatDoNotAnswerAreLeftOut) {
  AgentRequests requests;
  requests.ExpectImage(1, kA);
  requests.ExpectImage(2, kB);
  requests.Answer(
      kA, FromText<v1::ImageResult>("request: 1 present: true image_id: 'sha256:1' exposed_ports: 80"));
  const auto images = requests.CollectImages({1, 2}, absl::Milliseconds(1));
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].node, kA);
  EXPECT_EQ(images[0].image_id, "sha256:1");
}

TEST(AgentRequestsTest, AnswerOfAnotherNodeDoesNotCount) {
  AgentRequests requests;
  requests.ExpectImage(1, kA);
  requests.Answer(kB, FromText<v1::ImageResult>("request: 1 present: true"));
  EXPECT_TRUE(requests.CollectImages({1}, absl::Milliseconds(1)).empty());
}

TEST(AgentRequestsTest, NodeGoneEndsTheWaitAtOnce) {
  AgentRequests requests;
  requests.ExpectImage(1, kA);
  requests.NodeGone(kA);
  EXPECT_TRUE(requests.CollectImages({1}, absl::Seconds(20)).empty());
}

TEST(AgentRequestsTest, ChecksOfBalancersComeInTheOrderAskedAndMayBeAbsent) {
  AgentRequests requests;
  requests.ExpectCheck(1, kA);
  requests.ExpectCheck(2, kB);
  requests.ExpectCheck(3, kA);
  requests.Answer(kA, FromText<v1::EdgeCheckResult>("request: 3 error: 'late'"));
  requests.Answer(kA, FromText<v1::EdgeCheckResult>("request: 2 error: 'of another node'"));
  requests.Answer(kA,
                  FromText<v1::EdgeCheckResult>(
                      "request: 1 snippet: 'lines' checks { name: 'backend' detail: 'none' unseen: true }"));
  requests.NodeGone(kB);
  const auto answers = requests.CollectChecks({1, 2, 3}, absl::Seconds(20));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0]->snippet, "lines");
  EXPECT_TRUE(answers[0]->checks.at(0).unseen);
  EXPECT_FALSE(answers[1]);
  EXPECT_EQ(answers[2]->error, "late");
}

TEST(AgentRequestsTest, OutputComesInOrderUpToItsEnd) {
  AgentRequests requests;
  bool cancelled = false;
  auto output = requests.ExpectOutput(7, kA, [&] { cancelled = true; });
  requests.Answer(kA, Chunk(7, "one"));
  requests.Answer(kB, Chunk(7, "foreign"));
  requests.Answer(kA, Chunk(7, "two", true));
  requests.Answer(kA, Chunk(7, "after the end"));
  EXPECT_EQ(output->Next(absl::Seconds(1))->data, "one");
  const auto last = output->Next(absl::Seconds(1));
  EXPECT_EQ(last->data, "two");
  EXPECT_TRUE(last->end);
  EXPECT_EQ(output->Next(absl::Seconds(1)).status().code(), absl::StatusCode::kOutOfRange);
  output.reset();
  EXPECT_FALSE(cancelled);
}

TEST(AgentRequestsTest, DestroyingAnUnfinishedOutputCancelsIt) {
  AgentRequests requests;
  bool cancelled = false;
  auto output = requests.ExpectOutput(7, kA, [&] { cancelled = true; });
  EXPECT_EQ(output->Next(absl::Milliseconds(1)).status().code(), absl::StatusCode::kDeadlineExceeded);
  output.reset();
  EXPECT_TRUE(cancelled);
}

TEST(AgentRequestsTest, OutputOfALostNodeEndsWithUnavailableAfterWhatCame) {
  AgentRequests requests;
  auto output = requests.ExpectOutput(7, kA, [] {});
  requests.Answer(kA, Chunk(7, "one"));
  requests.NodeGone(kA);
  EXPECT_EQ(output->Next(absl::Seconds(1))->data, "one");
  EXPECT_EQ(output->Next(absl::Seconds(1)).status().code(), absl::StatusCode::kUnavailable);
}

TEST(AgentRequestsTest, UnreadOutputIsBounded) {
  AgentRequests requests;
  auto output = requests.ExpectOutput(7, kA, [] {});
  const std::string big(1 << 20, 'x');
  for (size_t sent = 0; sent <= AgentRequests::kMostUnreadBytes; sent += big.size()) {
    requests.Answer(kA, Chunk(7, big));
  }
  OutputChunk chunk;
  do {
    chunk = *output->Next(absl::Seconds(1));
  } while (!chunk.end);
  EXPECT_THAT(chunk.error, ::testing::HasSubstr("8 MiB were not read in time"));
}

}  // namespace
}  // namespace drover::controller
