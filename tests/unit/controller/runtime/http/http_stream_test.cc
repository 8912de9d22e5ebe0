// Server-sent events: resuming, falling behind, logs and exec, and the end of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <httplib.h>
#include <set>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kEpoch = 7ULL << 32;

EventRecord Numbered(uint64_t count, const std::string& stack = "shop") {
  EventRecord event;
  event.id = kEpoch | count;
  event.reason = "Happened";
  event.service = {.stack = stack, .service = "web"};
  return event;
}

std::vector<json> DataOf(const std::string& stream) {
  std::vector<json> data;
  std::istringstream lines(stream);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("data: ", 0) == 0) {
      data.push_back(json::parse(line.substr(6)));
    }
  }
  return data;
}

class HttpStreamTest : public testing::Test {
 protected:
  HttpStreamTest() { EXPECT_TRUE(test_.server->Start().ok()); }

  // Reads until `wanted` frames with data are there or the server ends the stream; `started` runs when
  // the first bytes have come.
  std::string Watch(const std::string& path, httplib::Headers headers, size_t wanted,
                    const std::function<void()>& started = nullptr) {
    httplib::Client client("127.0.0.1", test_.server->port());
    headers.emplace("Accept", "text/event-stream");
    std::string text;
    client.Get(path, headers, [&](const char* data, size_t size) {
      if (text.empty() && started) {
        started();
      }
      text.append(data, size);
      return DataOf(text).size() < wanted;
    });
    return text;
  }

  std::string Post(const std::string& path, const std::string& body) {
    httplib::Client client("127.0.0.1", test_.server->port());
    const auto result = client.Post(path, body, "application/json");
    return result ? result->body : httplib::to_string(result.error());
  }

  TestServer test_;
};

TEST_F(HttpStreamTest, NewsOnlyUnlessAskedForMore) {
  test_.loop->Happen(Numbered(1));
  const std::string text = Watch("/v1/events", {}, 1, [&] { test_.loop->Happen(Numbered(2)); });
  EXPECT_THAT(text, HasSubstr("retry: 1000\n"));
  EXPECT_THAT(text, HasSubstr("id: " + std::to_string(kEpoch | 2) + "\n"));
  EXPECT_EQ(DataOf(text).size(), 1U);
}

TEST_F(HttpStreamTest, R13_ResumesByLastEventId) {
  for (uint64_t i = 1; i <= 5; ++i) {
    test_.loop->Happen(Numbered(i));
  }
  const auto data = DataOf(Watch("/v1/events", {{"Last-Event-ID", std::to_string(kEpoch | 3)}}, 2));
  ASSERT_EQ(data.size(), 2U);
  EXPECT_EQ(data[0]["id"], std::to_string(kEpoch | 4));
  EXPECT_EQ(data[1]["id"], std::to_string(kEpoch | 5));
}

TEST_F(HttpStreamTest, OnlyOfOneService) {
  test_.loop->Happen(Numbered(1, "other"));
  test_.loop->Happen(Numbered(2));
  test_.loop->Happen(Numbered(3, "other"));
  test_.loop->Happen(Numbered(4));
  const auto data = DataOf(Watch("/v1/events?since=0&stack=shop", {}, 2));
  ASSERT_EQ(data.size(), 2U);
  EXPECT_EQ(data[1]["id"], std::to_string(kEpoch | 4));
}

TEST_F(HttpStreamTest, R13_AWatcherTooFarBehindIsCutAndTold) {
  for (uint64_t i = 8; i <= 9; ++i) {
    test_.loop->Happen(Numbered(i));
  }
  const std::string text = Watch("/v1/events", {{"Last-Event-ID", std::to_string(kEpoch | 3)}}, 99);
  EXPECT_THAT(text, HasSubstr("event: error\n"));
  EXPECT_THAT(text, HasSubstr("id: " + std::to_string(kEpoch | 7) + "\n"));
  EXPECT_THAT(text, HasSubstr("TooFarBehind"));
  // From there it goes on.
  EXPECT_EQ(DataOf(Watch("/v1/events", {{"Last-Event-ID", std::to_string(kEpoch | 7)}}, 2)).size(), 2U);
}

TEST_F(HttpStreamTest, AnIdOfAnEarlierEpochIsNotBehind) {
  test_.loop->Happen(Numbered(5));
  const auto data = DataOf(Watch("/v1/events", {{"Last-Event-ID", std::to_string((6ULL << 32) | 900)}}, 1));
  ASSERT_EQ(data.size(), 1U);
  EXPECT_EQ(data[0]["reason"], "Happened");
}

TEST_F(HttpStreamTest, StopEndsStreams) {
  std::atomic<bool> watching = false;
  std::thread watcher([&] { Watch("/v1/events", {}, 99, [&] { watching = true; }); });
  while (!watching) {
    std::this_thread::yield();
  }
  test_.server->Stop();
  watcher.join();
}

TEST_F(HttpStreamTest, LogsAreLinesOfReplicas) {
  OutputChunk first{.data = "hel", .source = 1, .end = false, .exit_code = 0, .error = ""};
  OutputChunk rest{.data = "lo\r\nsecond\npart", .source = 1, .end = false, .exit_code = 0, .error = ""};
  OutputChunk bad{
      .data = "\xff\xc3\xbc\xed\xa0\x80\n", .source = 2, .end = true, .exit_code = 0, .error = ""};
  test_.agents.logs["n1"] = {first, rest, bad};
  const auto lines = DataOf(Watch("/v1/logs?stack=shop&service=web&tail=5&follow=true", {}, 4));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["text"], "hello");
  EXPECT_EQ(lines[0]["replicaName"], "shop-web-1");
  EXPECT_EQ(lines[1]["text"], "second");
  EXPECT_EQ(lines[2]["text"], "?ü???");
  EXPECT_EQ(lines[2]["source"], 2);
  EXPECT_EQ(lines[3]["text"], "part");
  EXPECT_EQ(test_.agents.last_log.tail, 5);
  EXPECT_TRUE(test_.agents.last_log.follow);
}

TEST_F(HttpStreamTest, FollowedLogsGoOnWithReplicasThatStartLater) {
  const OutputChunk chunk{.data = "hello\n", .source = 1, .end = true, .exit_code = 0, .error = ""};
  test_.agents.logs = {{"n1", {chunk}}, {"n2", {chunk}}};
  const auto later = [&] {
    const std::shared_ptr<ServiceView> service = ShopWeb();
    ReplicaView replica = service->replicas[0];
    replica.record.id = ReplicaId(0xa9);
    replica.record.node = NodeId("n2");
    replica.name = "shop-web-9";
    service->replicas.push_back(replica);
    View view = ShopView();
    view.services[service->key] = service;
    test_.loop->Publish(std::move(view));
  };
  const auto lines = DataOf(Watch("/v1/logs?stack=shop&service=web&tail=5&follow=true", {}, 2, later));
  ASSERT_EQ(lines.size(), 2U);
  // Two nodes: either may be first.
  const std::set<std::string> names = {lines[0]["replicaName"], lines[1]["replicaName"]};
  EXPECT_EQ(names, (std::set<std::string>{"shop-web-1", "shop-web-9"}));
  EXPECT_EQ(test_.agents.last_log.tail, -1) << "from its first line";
}

TEST_F(HttpStreamTest, FollowedLogsEndWithTheService) {
  test_.agents.logs["n1"] = {{.data = "last\n", .source = 1, .end = true, .exit_code = 0, .error = ""}};
  const std::string text =
      Watch("/v1/logs?stack=shop&service=web&follow=true", {}, 99, [&] { test_.loop->Publish(View()); });
  EXPECT_EQ(DataOf(text).size(), 1U);
}

TEST_F(HttpStreamTest, LogsOfAReplicaWhoseNodeGoesAway) {
  test_.agents.logs["n1"] = {
      OutputChunk{.data = "last words\n", .source = 1, .end = false, .exit_code = 0, .error = ""}};
  const auto lines = DataOf(Watch("/v1/logs?replica=shop-web-1", {}, 99));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1]["error"], "node is gone");
}

TEST_F(HttpStreamTest, LogsThatCannotBe) {
  EXPECT_THAT(Watch("/v1/logs", {}, 99), HasSubstr("name a stack"));
  EXPECT_THAT(Watch("/v1/logs?stack=none", {}, 99), HasSubstr("NotFound"));
  EXPECT_THAT(Watch("/v1/logs?replica=shop-web-1", {}, 99), HasSubstr("node is not connected"));
  EXPECT_THAT(Watch("/v1/logs?stack=shop&follow=maybe", {}, 99), HasSubstr("must be true or false"));
}

TEST_F(HttpStreamTest, Exec) {
  test_.agents.exec_output = {
      OutputChunk{.data = "hi", .source = 1, .end = false, .exit_code = 0, .error = ""},
      OutputChunk{.data = "", .source = 1, .end = true, .exit_code = 3, .error = ""}};
  const auto output =
      DataOf(Post("/v1/exec", R"({"replicaId": "shop-web-1", "command": ["echo", "hi"], "stdin": "aW4="})"));
  ASSERT_EQ(output.size(), 2U);
  EXPECT_EQ(output[0]["data"], "aGk=");
  EXPECT_EQ(output[1]["end"], true);
  EXPECT_EQ(output[1]["exitCode"], 3);
  EXPECT_THAT(test_.agents.last_exec.command, ElementsAre("echo", "hi"));
  EXPECT_EQ(test_.agents.last_exec.input, "in");
  EXPECT_EQ(test_.agents.last_exec.replica, ReplicaId(0xa1));
}

TEST_F(HttpStreamTest, ExecThatCannotBe) {
  EXPECT_THAT(Post("/v1/exec", "{}"), HasSubstr("both must be given"));
  EXPECT_THAT(Post("/v1/exec", R"({"replicaId": "shop-web-2", "command": ["a"]})"), HasSubstr("NotFound"));
}

}  // namespace
}  // namespace drover::controller
