// drover-example-worker: a queue worker that loses no job, for the example stack and the tests.
//
// Jobs are strings in the Redis list QUEUE; producers LPUSH, workers take from the right. A job is
// text, optionally "NAME MS": MS overrides JOB_MS. What a worker does with keys (Q is QUEUE, ID its name):
//
//   Q:held:ID   BLMOVE puts the job here: it is in hand, not gone
//   Q:started   hash job -> times taken; Q:done  hash job -> times finished; more than once = repeated
//   Q:taken     hash job -> when it was taken first, Unix time in nanoseconds
//   Q:alive:ID  expires 3 s after the worker's last sign of life; Q:workers  all ids
//   Q:first     one entry a worker: "ID STARTED_NS TAKEN_NS", Unix time of process start and first job
//
// A job is acknowledged after the work (out of Q:held:ID, into Q:done, in one script). Jobs in hand go back
// to the queue when their worker starts again, or when its sign of life expired: any other worker does that.
// So a job is done at least once, and exactly once unless a worker dies with it.
//
// Environment: REDIS_URL (redis://redis:6379/0), QUEUE (jobs), JOB_MS (100), JOB_CPU (0; 1: burns CPU
// instead of waiting), READY_PORT (none): listens there from the first connection to Redis on, so that a
// check from outside sees when it can work. SIGTERM: finishes the job in hand, takes no other, exit 0.
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "deploy/examples/net.h"

namespace drover::examples {
namespace {

constexpr int64_t kAliveMs = 3000;
constexpr int64_t kBeatMs = 500;
constexpr int64_t kTimeoutMs = 5000;  // longer than one BLMOVE waits
const char* const kAcknowledge =
    "local n = redis.call('LREM', KEYS[1], 1, ARGV[1]) "
    "if n == 1 then redis.call('HINCRBY', KEYS[2], ARGV[1], 1) end return n";

struct Settings {
  Url redis;
  std::string queue;
  std::string id;
  int64_t job_ms = 100;
  bool burn = false;
  int64_t ready_port = 0;  // 0: none
  int64_t started_ns = 0;
};

std::atomic<bool> stopping{false};
std::atomic<int64_t> blocked_client{0};  // Redis' id of the connection that waits for jobs
std::atomic<int> ready_socket{-1};       // listens, does not block

void Log(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

// Moves all that `id` has in hand back to the queue, where it is taken next.
bool GiveBack(Redis& redis, const Settings& settings, const std::string& id) {
  for (;;) {
    const Reply reply =
        redis.Call({"LMOVE", settings.queue + ":held:" + id, settings.queue, "RIGHT", "RIGHT"});
    if (reply.kind != Reply::Kind::kString) return reply.kind == Reply::Kind::kNil;
    Log("gave back " + reply.text + " of " + id);
  }
}

// One sign of life, and the jobs of workers that gave none for too long.
void Beat(Redis& redis, const Settings& settings) {
  redis.Pipeline({{"SET", settings.queue + ":alive:" + settings.id, "1", "PX", std::to_string(kAliveMs)},
                  {"SADD", settings.queue + ":workers", settings.id}});
  const Reply workers = redis.Call({"SMEMBERS", settings.queue + ":workers"});
  for (const Reply& worker : workers.items) {
    if (worker.text == settings.id) continue;
    const Reply alive = redis.Call({"EXISTS", settings.queue + ":alive:" + worker.text});
    if (alive.kind != Reply::Kind::kInteger || alive.number != 0) continue;
    if (GiveBack(redis, settings, worker.text))
      redis.Call({"SREM", settings.queue + ":workers", worker.text});
  }
}

// From now on a connection to `port` succeeds.
void Listen(int64_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 16) != 0) {
    Log("READY_PORT " + std::to_string(port) + ": cannot listen");
    close(fd);
    return;
  }
  ready_socket = fd;
}

// Who only asks whether somebody listens.
void DismissVisitors() {
  for (int visitor = 0; ready_socket >= 0 && visitor >= 0;) {
    visitor = accept(ready_socket, nullptr, nullptr);
    if (visitor >= 0) close(visitor);
  }
}

// Thread of its own, so that long jobs do not look like death. On stop it wakes the waiting main thread.
void Heartbeat(const Settings& settings, const std::atomic<bool>& finished) {
  Redis redis(settings.redis);
  std::string error;
  int64_t next = 0;
  bool woken = false;
  while (!finished) {
    DismissVisitors();
    if (!redis.is_open() && !redis.Open(kTimeoutMs, &error)) {
      SleepMs(100);
      continue;
    }
    if (NowMs() >= next) {
      Beat(redis, settings);
      next = NowMs() + kBeatMs;
    }
    if (stopping && !woken && blocked_client != 0) {
      redis.Call({"CLIENT", "UNBLOCK", std::to_string(blocked_client)});
      woken = true;
    }
    SleepMs(20);
  }
  // With a job still in hand the id stays listed, so that others give the job back.
  const Reply held = redis.Call({"LLEN", settings.queue + ":held:" + settings.id});
  redis.Call({"DEL", settings.queue + ":alive:" + settings.id});
  if (held.kind == Reply::Kind::kInteger && held.number == 0) {
    redis.Call({"SREM", settings.queue + ":workers", settings.id});
  }
}

class Worker {
 public:
  explicit Worker(const Settings& settings) : settings_(settings), redis_(settings.redis) {}

  void Run() {
    while (!stopping) {
      if (!redis_.is_open() && !Connect()) continue;
      const Reply reply = redis_.Call({"BLMOVE", settings_.queue, held(), "RIGHT", "LEFT", "2"});
      if (reply.kind == Reply::Kind::kError) {
        Log("redis: " + reply.text);
        SleepMs(500);
      }
      if (reply.kind != Reply::Kind::kString) continue;
      if (stopping) break;
      Work(reply.text);
    }
    if (redis_.is_open()) GiveBack(redis_, settings_, settings_.id);
  }

 private:
  std::string held() const { return settings_.queue + ":held:" + settings_.id; }

  // Connects, and gives back what an earlier life or a lost answer left in hand.
  bool Connect() {
    std::string error;
    if (!redis_.Open(kTimeoutMs, &error)) {
      if (error != last_error_) Log("redis: " + error);
      last_error_ = error;
      SleepMs(200);
      return false;
    }
    last_error_.clear();
    blocked_client = redis_.Call({"CLIENT", "ID"}).number;
    if (settings_.ready_port > 0 && ready_socket < 0) Listen(settings_.ready_port);
    return GiveBack(redis_, settings_, settings_.id);
  }

  void Work(const std::string& job) {
    std::vector<std::vector<std::string>> notes = {
        {"HINCRBY", settings_.queue + ":started", job, "1"},
        {"HSETNX", settings_.queue + ":taken", job, std::to_string(UnixNs())}};
    if (first_) {
      notes.push_back(
          {"RPUSH", settings_.queue + ":first",
           settings_.id + " " + std::to_string(settings_.started_ns) + " " + std::to_string(UnixNs())});
    }
    first_ = false;
    redis_.Pipeline(notes);
    const size_t space = job.find(' ');
    const int64_t ms =
        space == std::string::npos ? settings_.job_ms : std::strtoll(job.c_str() + space, nullptr, 10);
    if (settings_.burn) {
      BurnCpu(ms);
    } else {
      SleepMs(ms);
    }
    Acknowledge(job);
  }

  // Until Redis has confirmed it; gives up 10 s after SIGTERM (the job is then given back by others).
  void Acknowledge(const std::string& job) {
    int64_t give_up = 0;
    std::string error;
    for (;;) {
      const Reply reply = redis_.Call({"EVAL", kAcknowledge, "2", held(), settings_.queue + ":done", job});
      if (reply.kind == Reply::Kind::kInteger) return;
      if (reply.kind == Reply::Kind::kError) Log("redis: " + reply.text);
      if (stopping && give_up == 0) give_up = NowMs() + 10000;
      if (give_up != 0 && NowMs() > give_up) return;
      SleepMs(200);
      if (!redis_.is_open() && redis_.Open(kTimeoutMs, &error)) {
        blocked_client = redis_.Call({"CLIENT", "ID"}).number;
      }
    }
  }

  const Settings& settings_;
  Redis redis_;
  std::string last_error_;
  bool first_ = true;
};

int Main() {
  Settings settings;
  settings.started_ns = UnixNs();
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const std::string url = Env("REDIS_URL", "redis://redis:6379/0");
  if (!ParseUrl(url, &settings.redis) || settings.redis.scheme != "redis") {
    Log("REDIS_URL: '" + url + "' is not redis://HOST[:PORT][/DB]");
    return 1;
  }
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  settings.id = Env("DROVER_REPLICA_ID", host);
  settings.queue = Env("QUEUE", "jobs");
  settings.job_ms = EnvInt("JOB_MS", 100);
  settings.burn = EnvInt("JOB_CPU", 0) != 0;
  settings.ready_port = EnvInt("READY_PORT", 0);

  std::atomic<bool> finished{false};
  std::thread heartbeat(Heartbeat, std::cref(settings), std::cref(finished));
  std::thread signals([&stop] {
    int number = 0;
    sigwait(&stop, &number);
    stopping = true;
  });
  signals.detach();
  Worker(settings).Run();
  finished = true;
  heartbeat.join();
  return 0;
}

}  // namespace
}  // namespace drover::examples

int main() { return drover::examples::Main(); }
