// Queue probes against real Redis servers on loopback, and against servers that only hang.
#include "agent/runtime/sensors/prober.h"

#include <hiredis/hiredis.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/agent/sensors/probe_support.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

class RedisProcess {
 public:
  RedisProcess(uint32_t port, const std::string& password)
      : port_(port),
        password_(password),
        process_({"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "",
                  "--appendonly", "no", "--dir", "/tmp", "--requirepass", password}) {
    for (int i = 0; i < 400 && process_.started() && Do({"PING"}) != "PONG"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::string Do(const std::vector<std::string>& words) const {
    redisContext* context = redisConnect("127.0.0.1", static_cast<int>(port_));
    std::string out = "no connection";
    if (context != nullptr && context->err == 0) {
      if (!password_.empty()) {
        freeReplyObject(redisCommand(context, "AUTH %s", password_.c_str()));
      }
      std::vector<const char*> data;
      for (const std::string& word : words) {
        data.push_back(word.c_str());
      }
      auto* reply = static_cast<redisReply*>(
          redisCommandArgv(context, static_cast<int>(data.size()), data.data(), nullptr));
      out = reply == nullptr || reply->str == nullptr ? "" : reply->str;
      freeReplyObject(reply);
    }
    redisFree(context);
    return out;
  }

 private:
  uint32_t port_;
  std::string password_;
  ChildProcess process_;
};

v1::Probe List(uint32_t handle, uint32_t port, const std::string& key) {
  v1::Probe probe = ProbeOf(handle, v1::QueueSpec::REDIS_LIST, port);
  probe.mutable_queue()->set_name(key);
  probe.mutable_queue()->add_keys(key);
  return probe;
}

TEST(ProberTest, R4_4_DepthsAndNewsOfThem) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  std::atomic<int> news = 0;
  Prober prober({.notify = [&] { ++news; }});
  v1::Probe jobs = List(1, port, "jobs");
  jobs.set_notify_above(2);
  prober.SetProbes({jobs, List(2, port, "other")});
  ASSERT_TRUE(Await(prober, 1, Known));
  ASSERT_TRUE(Await(prober, 2, Known));
  EXPECT_EQ(Await(prober, 1, Known)->ready(), 0);
  EXPECT_EQ(Await(prober, 1, Known)->term(), 4u);
  EXPECT_FALSE(Await(prober, 1, Known)->has_held());

  const int before = news;
  redis.Do({"LPUSH", "jobs", "a"});
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.ready() == 1; }));
  for (int i = 0; i < 200 && news == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(news, before + 1);  // empty → work
  redis.Do({"LPUSH", "jobs", "b", "c"});
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.ready() == 3; }));
  for (int i = 0; i < 200 && news == before + 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(news, before + 2);  // above notify_above
}

TEST(ProberTest, R4_AWrongTypeIsUnknownWithTheReason) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  redis.Do({"SET", "text", "x"});
  Prober prober({});
  prober.SetProbes({List(1, port, "text"), List(2, port, "fine")});
  const std::optional<v1::QueueSample> sample = Await(prober, 1, Unknown);
  ASSERT_TRUE(sample);
  EXPECT_THAT(sample->error(), HasSubstr(absl::StrCat("redis 127.0.0.1:", port, ": LLEN text: WRONGTYPE")));
  EXPECT_TRUE(Await(prober, 2, Known));  // its neighbour does not suffer
}

TEST(ProberTest, R4_ARefusedServerIsUnknownUntilItIsThere) {
  const uint32_t port = FreePort();
  std::atomic<int> news = 0;
  Prober prober({.notify = [&] { ++news; }});
  prober.SetProbes({List(1, port, "jobs")});
  const std::optional<v1::QueueSample> sample = Await(prober, 1, Unknown);
  ASSERT_TRUE(sample);
  EXPECT_THAT(sample->error(), HasSubstr(absl::StrCat("redis 127.0.0.1:", port, ": Connection refused")));
  const RedisProcess redis(port, "");
  EXPECT_TRUE(Await(prober, 1, Known));
}

TEST(ProberTest, PasswordsAreReadFromTheFileAgainAfterAFailure) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "right");
  char path[] = "/tmp/drover-password-XXXXXX";
  close(mkstemp(path));
  std::ofstream(path) << "wrong\n";
  Prober prober({});
  v1::Probe probe = List(1, port, "jobs");
  probe.mutable_queue()->set_password_file(path);
  prober.SetProbes({probe, List(2, port, "jobs")});
  const std::optional<v1::QueueSample> wrong = Await(prober, 1, Unknown);
  ASSERT_TRUE(wrong);
  EXPECT_THAT(wrong->error(), HasSubstr("WRONGPASS"));
  const std::optional<v1::QueueSample> none = Await(prober, 2, Unknown);
  ASSERT_TRUE(none);
  EXPECT_THAT(none->error(), HasSubstr("NOAUTH"));
  std::ofstream(path) << "right\n";
  EXPECT_TRUE(Await(prober, 1, Known));
  unlink(path);
}

TEST(ProberTest, R10_4_WhatTheHostForbidsIsNotRead) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  Prober prober({.notify = {}, .allowed = [](const v1::QueueSpec& queue) {
                   return queue.name() == "secret"
                              ? absl::PermissionDeniedError("this host refuses password_file /etc/shadow")
                              : absl::OkStatus();
                 }});
  prober.SetProbes({List(1, port, "jobs"), List(2, port, "secret")});
  const std::optional<v1::QueueSample> refused = Await(prober, 2, Unknown);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error(), "PolicyRefused: this host refuses password_file /etc/shadow");
  EXPECT_TRUE(Await(prober, 1, Known)) << "of the same server";
}

TEST(ProberTest, R3_8_AServerThatHangsDelaysNobodyElse) {
  const SilentServer silent;
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  const auto start = std::chrono::steady_clock::now();
  {
    Prober prober({.notify = {}, .timeout = absl::Milliseconds(300)});
    prober.SetProbes({List(1, silent.port(), "jobs"), List(2, port, "jobs")});
    ASSERT_TRUE(Await(prober, 2, Known));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(250));
    const std::optional<v1::QueueSample> hung = Await(prober, 1, Unknown);
    ASSERT_TRUE(hung);
    EXPECT_THAT(hung->error(), HasSubstr("no answer within 300ms"));
  }
}

TEST(ProberTest, TheSecondEndpointIsTakenWhenTheFirstRefuses) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  Prober prober({});
  v1::Probe probe = List(1, FreePort(), "jobs");
  *probe.mutable_queue()->add_endpoints() = List(1, port, "").queue().endpoints(0);
  prober.SetProbes({probe});
  EXPECT_TRUE(Await(prober, 1, Known));
}

TEST(ProberTest, KindsAndSettingsThatAreNotMeasuredSaySo) {
  Prober prober({});
  v1::Probe amqp = List(1, 1, "mail");
  amqp.mutable_queue()->set_kind(v1::QueueSpec::CELERY_AMQP);
  v1::Probe tls = List(2, 1, "secret");
  tls.mutable_queue()->set_tls(true);
  v1::Probe standby = List(3, 1, "jobs");
  standby.set_standby(true);
  prober.SetProbes({amqp, tls, standby});
  std::optional<v1::QueueSample> sample = Await(prober, 1, Unknown);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->error(), "queue mail: kind CELERY_AMQP is not measured by this version of the agent");
  sample = Await(prober, 2, Unknown);
  ASSERT_TRUE(sample);
  EXPECT_THAT(sample->error(), HasSubstr("TLS"));
  for (const v1::QueueSample& other : prober.Samples()) {
    EXPECT_NE(other.probe(), 3u);
  }
}

v1::Probe Stream(uint32_t handle, uint32_t port, const std::string& key, const std::string& group) {
  v1::Probe probe = List(handle, port, key);
  probe.mutable_queue()->set_kind(v1::QueueSpec::REDIS_STREAM);
  probe.mutable_queue()->set_group(group);
  return probe;
}

TEST(ProberTest, StreamsAreWhatTheGroupHasNotReadAndWhatItHasNotAcknowledged) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  Prober prober({});
  prober.SetProbes({Stream(1, port, "events", "workers"), Stream(2, port, "events", "")});
  // Neither stream nor group: nothing was ever put there.
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 0; }));
  for (int i = 0; i < 5; ++i) {
    redis.Do({"XADD", "events", "*", "n", std::to_string(i)});
  }
  // A group that is not there has read nothing; without one the length counts.
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.ready() == 5; }));
  ASSERT_TRUE(Await(prober, 2, [](const v1::QueueSample& s) { return s.ready() == 5 && !s.has_held(); }));
  redis.Do({"XGROUP", "CREATE", "events", "workers", "0"});
  redis.Do({"XREADGROUP", "GROUP", "workers", "w1", "COUNT", "2", "STREAMS", "events", ">"});
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.ready() == 3 && s.held() == 2; }));
}

// A group that was set to an arbitrary id, or entries deleted ahead of it: Redis knows no lag.
TEST(ProberTest, AStreamWithoutLagIsCounted) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  for (const char* id : {"1-1", "2-1", "3-1", "4-1", "5-1"}) {
    redis.Do({"XADD", "events", id, "n", "1"});
  }
  redis.Do({"XGROUP", "CREATE", "events", "workers", "2-1"});
  redis.Do({"XDEL", "events", "4-1"});
  Prober prober({});
  prober.SetProbes({Stream(1, port, "events", "workers"), List(2, port, "other")});
  const std::optional<v1::QueueSample> sample = Await(prober, 1, Known);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->ready(), 2);
  EXPECT_EQ(sample->held(), 0);
  EXPECT_TRUE(Await(prober, 2, Known));
}

TEST(ProberTest, SortedSetsAreTheirMembers) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  redis.Do({"ZADD", "due", "1", "a", "2", "b"});
  Prober prober({});
  v1::Probe due = List(1, port, "due");
  due.mutable_queue()->set_kind(v1::QueueSpec::REDIS_ZSET);
  prober.SetProbes({due, List(2, port, "due"), Stream(3, port, "due", "workers")});
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 2; }));
  EXPECT_THAT(Await(prober, 2, Unknown)->error(), HasSubstr("LLEN due: WRONGTYPE"));
  EXPECT_THAT(Await(prober, 3, Unknown)->error(), HasSubstr("XLEN due: WRONGTYPE"));
}

TEST(ProberTest, ProbesComeAndGo) {
  const uint32_t port = FreePort();
  const RedisProcess redis(port, "");
  Prober prober({});
  for (int i = 0; i < 5; ++i) {
    prober.SetProbes({List(1, port, "jobs")});
    EXPECT_TRUE(Await(prober, 1, Known));
    prober.SetProbes({});
    EXPECT_TRUE(prober.Samples().empty());
  }
}

}  // namespace
}  // namespace drover::agent
