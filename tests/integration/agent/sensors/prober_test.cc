// Queue probes against real Redis servers on loopback, and against servers that only hang.
#include "agent/runtime/sensors/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

// A socket that listens and never answers; also the way to a free port.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 16) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      abort();
    }
    port_ = ntohs(address.sin_port);
  }

  ~SilentServer() { close(fd_); }

  uint32_t port() const { return port_; }

 private:
  int fd_;
  uint32_t port_ = 0;
};

uint32_t FreePort() { return SilentServer().port(); }

class RedisProcess {
 public:
  RedisProcess(uint32_t port, const std::string& password) : port_(port), password_(password) {
    const std::string text_port = std::to_string(port);
    const char* argv[] = {
        "redis-server", "--port", text_port.c_str(), "--bind", "127.0.0.1",     "--save",         "",
        "--appendonly", "no",     "--dir",           "/tmp",   "--requirepass", password.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid_, argv[0], &actions, nullptr, const_cast<char**>(argv), environ) != 0) {
      pid_ = 0;
    }
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 400 && pid_ > 0 && Do({"PING"}) != "PONG"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  ~RedisProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
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
  pid_t pid_ = 0;
};

v1::Probe List(uint32_t handle, uint32_t port, const std::string& key) {
  v1::Probe probe;
  probe.set_handle(handle);
  probe.set_term(4);
  probe.set_interval_ms(20);
  v1::QueueSpec* queue = probe.mutable_queue();
  queue->set_name(key);
  queue->set_kind(v1::QueueSpec::REDIS_LIST);
  queue->add_keys(key);
  v1::Endpoint* endpoint = queue->add_endpoints();
  endpoint->set_host("127.0.0.1");
  endpoint->set_port(port);
  return probe;
}

// The probe's newest sample that satisfies `good`, awaited for 3 s.
std::optional<v1::QueueSample> Await(const Prober& prober, uint32_t handle,
                                     const std::function<bool(const v1::QueueSample&)>& good) {
  for (int i = 0; i < 600; ++i) {
    for (const v1::QueueSample& sample : prober.Samples()) {
      if (sample.probe() == handle && good(sample)) {
        return sample;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

bool Known(const v1::QueueSample& sample) { return sample.known(); }

bool Unknown(const v1::QueueSample& sample) { return !sample.known(); }

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
