// x-queues: every source with its keys, and what is refused.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string File(const std::string& queue) {
  return absl::StrCat("services: {a: {image: i}}\nx-queues:\n  q: {", queue, "}\n");
}

v1::QueueSpec Queue(const std::string& text) { return SpecOf(LoadText(File(text))).queues(0); }

TEST(QueuesTest, RedisStreamsAndSortedSets) {
  const v1::QueueSpec stream =
      Queue("redis: \"redis://[::1]:6380,r2/1\", key: events, type: stream, group: workers, interval: 250ms");
  EXPECT_EQ(stream.kind(), v1::QueueSpec::REDIS_STREAM);
  EXPECT_EQ(stream.group(), "workers");
  EXPECT_EQ(stream.endpoints(0).host(), "::1");
  EXPECT_EQ(stream.endpoints(0).port(), 6380u);
  EXPECT_EQ(stream.endpoints(1).port(), 6379u);
  EXPECT_EQ(stream.interval().nanos(), 250'000'000);
  EXPECT_EQ(Queue("redis: \"redis://r\", key: due, type: zset").kind(), v1::QueueSpec::REDIS_ZSET);
}

TEST(QueuesTest, Prometheus) {
  const v1::QueueSpec queue = Queue(
      "prometheus: \"https://prom.example.com/base\", query: \"sum(jobs_waiting)\", bearer_token_file: "
      "/etc/t, ca_file: /etc/ca.pem, timeout: 5s, interval: 15s");
  EXPECT_EQ(queue.kind(), v1::QueueSpec::PROMETHEUS);
  EXPECT_EQ(queue.url(), "https://prom.example.com/base");
  EXPECT_TRUE(queue.tls());
  EXPECT_EQ(queue.endpoints(0).host(), "prom.example.com");
  EXPECT_EQ(queue.endpoints(0).port(), 443u);
  EXPECT_EQ(queue.query(), "sum(jobs_waiting)");
  EXPECT_EQ(queue.bearer_token_file(), "/etc/t");
  EXPECT_EQ(queue.ca_file(), "/etc/ca.pem");
  EXPECT_EQ(queue.timeout().seconds(), 5);
  EXPECT_EQ(queue.interval().seconds(), 15);
}

TEST(QueuesTest, HttpJson) {
  const v1::QueueSpec queue =
      Queue("http: \"http://api:8000/stats?x=1\", json: /queue/depth, username: bob, password_file: /etc/pw");
  EXPECT_EQ(queue.kind(), v1::QueueSpec::HTTP_JSON);
  EXPECT_EQ(queue.endpoints(0).host(), "api");
  EXPECT_EQ(queue.endpoints(0).port(), 8000u);
  EXPECT_EQ(queue.query(), "/queue/depth");
  EXPECT_EQ(queue.username(), "bob");
}

TEST(QueuesTest, ExternalScaler) {
  const v1::QueueSpec queue =
      Queue("external: \"scaler:6000\", metric: depth, metadata: {tenant: blue, size: \"3\"}, tls: true");
  EXPECT_EQ(queue.kind(), v1::QueueSpec::EXTERNAL);
  EXPECT_EQ(queue.url(), "scaler:6000");
  EXPECT_EQ(queue.endpoints(0).port(), 6000u);
  EXPECT_EQ(queue.query(), "depth");
  EXPECT_EQ(queue.metadata().at("tenant"), "blue");
  EXPECT_TRUE(queue.tls());
}

TEST(QueuesTest, Pushed) {
  const v1::QueueSpec queue = Queue("pushed: emails, stale_after: 2m");
  EXPECT_EQ(queue.kind(), v1::QueueSpec::PUSHED);
  EXPECT_EQ(queue.pushed(), "emails");
  EXPECT_EQ(queue.stale_after().seconds(), 120);
  EXPECT_TRUE(queue.endpoints().empty());
}

struct Refusal {
  const char* queue;
  const char* fault;
};

class QueueRefusedTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(QueueRefusedTest, WithItsReasonAndPlace) {
  EXPECT_THAT(Faults(LoadText(File(GetParam().queue))), ElementsAre(HasSubstr(GetParam().fault)));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, QueueRefusedTest,
    ::testing::Values(
        Refusal{"celery: \"redis://r\", queue: q", "3:7: queues of kind celery are not built yet"},
        Refusal{"rq: \"redis://r\", queues: [q]", "queues of kind rq are not built yet"},
        Refusal{"redis: \"redis://r\", key: k, type: hash", "write one of list, stream, zset"},
        Refusal{"redis: \"redis://r\", key: k, group: g", "a group belongs to a stream"},
        Refusal{"redis: \"redis://u:pw@r\", key: k", "write password_file: PATH"},
        Refusal{"redis: \"http://r\", key: k", "is no Redis address"},
        Refusal{"redis: \"redis://r:x\", key: k", "\"r:x\" has no port number"},
        Refusal{"redis: \"redis://::1\", key: k", "IPv6 address without brackets"},
        Refusal{"redis: \"redis://r\"", "has no key"},
        Refusal{"redis: \"redis://r\", key: k, query: x", "unknown key \"query\""},
        Refusal{"redis: \"redis://r\", key: k, http: \"http://x\", json: y",
                "names redis and http; a queue has one"},
        Refusal{"key: k", "does not say where it is"},
        Refusal{"prometheus: \"prom:9090\", query: up", "is no HTTP address"},
        Refusal{"prometheus: \"http://p:9090\"", "has no query; write `query: sum(jobs_waiting)`"},
        Refusal{"prometheus: \"http://u:pw@p\", query: up", "write password_file: PATH"},
        Refusal{"prometheus: \"http://u@p\", query: up", "write username: NAME beside it"},
        Refusal{"prometheus: \"http://p\", query: up, bearer_token_file: token",
                "bearer_token_file is no absolute path"},
        Refusal{"prometheus: \"http://p\", query: up, username: u",
                "needs username and password_file together"},
        Refusal{"prometheus: \"http://p\", query: up, username: u, password_file: /p, bearer_token_file: /t",
                "a token or a user, not both"},
        Refusal{"prometheus: \"http://p\", query: up, ca_file: /c", "no meaning without TLS"},
        Refusal{"prometheus: \"http://p\", query: up, timeout: 2m",
                "timeout is out of range; write 100ms to 1m"},
        Refusal{"prometheus: \"http://p\", query: up, interval: 1ms", "interval is out of range"},
        Refusal{"http: \"http://a b/\", json: x", "must write as %XX"},
        Refusal{"http: \"http://a/\"", "has no json; write `json: /path/to/number`"},
        Refusal{"external: scaler", "\"scaler\" has no port number"},
        Refusal{"external: \"scaler:0\"", "has no port number"},
        Refusal{"external: \"s:1\", ca_file: /c", "write tls: true"},
        Refusal{"pushed: \"a/b\"", "name is 1 to 63 letters"},
        Refusal{"pushed: a, stale_after: 0s", "stale_after is out of range"},
        Refusal{"pushed: a, interval: 1s", "unknown key \"interval\""}));

}  // namespace
}  // namespace drover::compose
