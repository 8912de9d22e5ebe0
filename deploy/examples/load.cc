// drover-example-load: load for the example stack, and the judge of it.
//
//   drover-example-load http URL [--rate N] [--connections N] [--seconds N] [--post BYTES] [--live FILE]
//       [--timeout SECONDS] [--failed FILE]
//     GETs, or POSTs of so many bytes, at an even rate over kept connections. Strict: everything but a
//     complete 200 is a failure, also nothing for --timeout (30), and nothing is ever sent twice. (A
//     connection that the server closed while idle is opened anew before the next request, as HTTP says;
//     that is counted as "reopened", not as failed.) --failed: a line for each failure, "BEGIN END WHY",
//     Unix time in nanoseconds.
//   drover-example-load push REDIS_URL [--queue NAME] [--count N] [--rate N] [--prefix P] [--job-ms N]
//     pushes jobs NAME = P0, P1, ...; without --rate all in one write.
//   drover-example-load count REDIS_URL [--queue NAME]
//     what became of all jobs pushed so far: waiting, in hand, done, repeated, lost.
//   drover-example-load clear REDIS_URL [--queue NAME]
//     removes the queue and all notes about it.
//
// Prints one JSON object at the end; --live also keeps a JSON line in FILE up to date. Exit code: http 1 when
// a request failed, count 1 when a job is lost or repeated, 2 for wrong arguments, 3 when the server is
// unreachable at the start.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "deploy/examples/net.h"

namespace drover::examples {
namespace {

std::atomic<bool> stopping{false};

[[noreturn]] void Usage(const std::string& problem) {
  std::fprintf(stderr,
               "drover-example-load: %s\n"
               "usage: drover-example-load http URL [--rate N] [--connections N] [--seconds N] [--post "
               "BYTES] [--live FILE] [--timeout SECONDS] [--failed FILE]\n"
               "       drover-example-load push REDIS_URL [--queue NAME] [--count N] [--rate N] [--prefix P] "
               "[--job-ms N]\n"
               "       drover-example-load count|clear REDIS_URL [--queue NAME]\n",
               problem.c_str());
  std::exit(2);
}

using Options = std::map<std::string, std::string>;

double Number(const Options& options, const std::string& name, double fallback) {
  const auto it = options.find(name);
  if (it == options.end()) return fallback;
  char* end = nullptr;
  const double value = std::strtod(it->second.c_str(), &end);
  if (it->second.empty() || *end != '\0' || !(value >= 0))
    Usage("--" + name + ": not a number: " + it->second);
  return value;
}

std::string Text(const Options& options, const std::string& name, const std::string& fallback) {
  const auto it = options.find(name);
  return it == options.end() ? fallback : it->second;
}

// Counts of all connections together.
class Tally {
 public:
  // `failed_log`: file of --failed; empty: none.
  explicit Tally(const std::string& failed_log) {
    if (!failed_log.empty()) failed_log_ = std::fopen(failed_log.c_str(), "a");
  }

  ~Tally() {
    if (failed_log_ != nullptr) std::fclose(failed_log_);
  }

  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void Ok(double ms) {
    const std::lock_guard lock(mutex_);
    ++ok_;
    latencies_.push_back(static_cast<float>(ms));
  }

  // A request sent at `begin`, Unix time in nanoseconds.
  void Failed(int64_t begin, const std::string& why) {
    const std::lock_guard lock(mutex_);
    ++failed_;
    ++reasons_[why];
    if (failed_log_ == nullptr) return;
    std::fprintf(failed_log_, "%ld %ld %s\n", static_cast<long>(begin), static_cast<long>(UnixNs()),
                 why.c_str());
    std::fflush(failed_log_);
  }

  void Reopened() {
    const std::lock_guard lock(mutex_);
    ++reopened_;
  }

  // "rate" is of the requests since the last call, or of all of them, in the seconds given.
  std::string Json(double seconds, bool all) {
    const std::lock_guard lock(mutex_);
    if (all) last_ = 0;
    std::vector<float> sorted = latencies_;
    std::sort(sorted.begin(), sorted.end());
    const auto percentile = [&sorted](double q) {
      if (sorted.empty()) return 0.0;
      const double rank = std::ceil(q * static_cast<double>(sorted.size()));
      return static_cast<double>(sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1]);
    };
    char numbers[256];
    std::snprintf(numbers, sizeof numbers,
                  "\"requests\":%ld,\"ok\":%ld,\"failed\":%ld,\"reopened\":%ld,\"rate\":%.1f,\"p50_ms\":%.1f,"
                  "\"p99_ms\":%.1f,\"max_ms\":%.1f",
                  ok_ + failed_, ok_, failed_, reopened_,
                  static_cast<double>(ok_ + failed_ - last_) / std::max(seconds, 0.001), percentile(0.5),
                  percentile(0.99), percentile(1));
    last_ = ok_ + failed_;
    std::string reasons;
    for (const auto& [why, count] : reasons_) {
      reasons += (reasons.empty() ? "\"" : ",\"") + why + "\":" + std::to_string(count);
    }
    return std::string("{") + numbers + ",\"failures\":{" + reasons + "}}";
  }

  long failed() const { return failed_; }

 private:
  std::mutex mutex_;
  long ok_ = 0;
  long failed_ = 0;
  long reopened_ = 0;
  long last_ = 0;
  std::vector<float> latencies_;
  std::map<std::string, long> reasons_;
  std::FILE* failed_log_ = nullptr;
};

// One kept HTTP connection.
class HttpClient {
 public:
  // `post`: bytes of the body; 0: a GET. `timeout_ms`: for so long nothing may come.
  HttpClient(const Url& url, size_t post, int64_t timeout_ms, Tally& tally)
      : url_(url), timeout_ms_(timeout_ms), tally_(tally) {
    request_ = std::string(post > 0 ? "POST " : "GET ") + (url.path.empty() ? "/" : url.path) +
               " HTTP/1.1\r\nHost: " + url.host + "\r\nUser-Agent: drover-example-load\r\nAccept: */*\r\n" +
               (post > 0 ? "Content-Length: " + std::to_string(post) + "\r\n" : "") + "\r\n" +
               std::string(post, 'x');
  }

  ~HttpClient() { Close(); }

  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One request, counted.
  void Send() {
    const int64_t start = UnixNs();
    const std::string why = Exchange();
    if (why.empty()) {
      tally_.Ok(static_cast<double>(UnixNs() - start) / 1e6);
    } else {
      Close();
      tally_.Failed(start, why);
    }
  }

 private:
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    buffer_.clear();
  }

  // Empty: a complete 200 came back.
  std::string Exchange() {
    if (fd_ >= 0 && ClosedWhileIdle()) {
      Close();
      tally_.Reopened();
    }
    std::string error;
    if (fd_ < 0) fd_ = Connect(url_.host, url_.port, timeout_ms_, &error);
    if (fd_ < 0) return "connect";
    if (!SendAll(fd_, request_)) return "send";
    size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return buffer_.empty() ? "closed before the answer" : "cut off in the header";
    }
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    const size_t length_at = FindHeader(head, "content-length:");
    if (length_at == std::string::npos) return "no Content-Length";
    const size_t length = std::strtoul(head.c_str() + length_at, nullptr, 10);
    while (buffer_.size() < length) {
      if (!Fill()) return "cut off in the body";
    }
    buffer_.erase(0, length);
    const std::string status = head.substr(0, head.find("\r\n"));
    if (status.size() < 12 || status.compare(9, 3, "200") != 0) return "status " + status.substr(9, 3);
    const size_t connection = FindHeader(head, "connection:");
    if (connection != std::string::npos && head.find("close", connection) < head.find("\r\n", connection))
      Close();
    return "";
  }

  // Position behind `name` (lower case, with colon) in `head`; npos: absent.
  static size_t FindHeader(const std::string& head, const std::string& name) {
    std::string lower = head;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const size_t at = lower.find("\r\n" + name);
    return at == std::string::npos ? at : at + 2 + name.size();
  }

  bool ClosedWhileIdle() const {
    pollfd p{fd_, POLLIN, 0};
    return poll(&p, 1, 0) != 0;
  }

  bool Fill() {
    char chunk[16384];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(n));
    return true;
  }

  const Url& url_;
  const int64_t timeout_ms_;
  Tally& tally_;
  std::string request_;
  int fd_ = -1;
  std::string buffer_;
};

// A file that always holds one whole line.
void WriteLine(const std::string& path, const std::string& line) {
  const std::string next = path + ".next";
  std::FILE* file = std::fopen(next.c_str(), "w");
  if (file == nullptr) return;
  std::fprintf(file, "%s\n", line.c_str());
  std::fclose(file);
  std::rename(next.c_str(), path.c_str());
}

int Http(const Url& url, const Options& options) {
  const double rate = Number(options, "rate", 100);
  const int connections = static_cast<int>(std::max(1.0, Number(options, "connections", 8)));
  const double seconds = Number(options, "seconds", 10);
  const auto post = static_cast<size_t>(Number(options, "post", 0));
  const auto timeout_ms = static_cast<int64_t>(Number(options, "timeout", 30) * 1000);
  const std::string live = Text(options, "live", "");
  if (rate <= 0) Usage("--rate: must be above 0");
  Tally tally(Text(options, "failed", ""));
  const int64_t start = NowMs();
  const int64_t end = start + static_cast<int64_t>(seconds * 1000);
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] {
      HttpClient client(url, post, timeout_ms, tally);
      const double every = 1000.0 * connections / rate;
      double due = static_cast<double>(start) + every * i / connections;
      while (!stopping && due < static_cast<double>(end)) {
        SleepMs(static_cast<int64_t>(due) - NowMs());
        client.Send();
        // What could not be sent in time is not made up for: no burst after a slow answer.
        due = std::max(due + every, static_cast<double>(NowMs()));
      }
    });
  }
  int64_t last = start;
  while (!live.empty() && !stopping && NowMs() < end) {
    SleepMs(500);
    WriteLine(live, tally.Json(static_cast<double>(NowMs() - last) / 1000, false));
    last = NowMs();
  }
  for (std::thread& thread : threads) thread.join();
  const std::string result = tally.Json(static_cast<double>(NowMs() - start) / 1000, true);
  if (!live.empty()) WriteLine(live, result);
  std::printf("%s\n", result.c_str());
  return tally.failed() == 0 ? 0 : 1;
}

int Push(Redis& redis, const Options& options) {
  const std::string queue = Text(options, "queue", "jobs");
  const long count = static_cast<long>(Number(options, "count", 100));
  const double rate = Number(options, "rate", 0);
  const std::string prefix = Text(options, "prefix", "job-" + std::to_string(UnixNs() / 1000000) + "-");
  const std::string job_ms = Text(options, "job-ms", "");
  const long batch = rate > 0 ? 1 : 500;
  const int64_t started = UnixNs();
  long pushed = 0;
  while (pushed < count && !stopping) {
    std::vector<std::string> words = {"LPUSH", queue};
    const long n = std::min(batch, count - pushed);
    for (long i = 0; i < n; ++i) {
      words.push_back(prefix + std::to_string(pushed + i) + (job_ms.empty() ? "" : " " + job_ms));
    }
    const std::vector<Reply> replies =
        redis.Pipeline({{"MULTI"}, words, {"INCRBY", queue + ":pushed", std::to_string(n)}, {"EXEC"}});
    if (replies.size() != 4 || replies[3].kind != Reply::Kind::kArray) {
      std::fprintf(stderr, "drover-example-load: push: the connection to Redis broke\n");
      return 3;
    }
    pushed += n;
    const double due = rate > 0 ? static_cast<double>(pushed) * 1000 / rate : 0;
    SleepMs(static_cast<int64_t>(due) - (UnixNs() - started) / 1000000);
  }
  std::printf("{\"pushed\":%ld,\"started_ns\":%ld,\"ended_ns\":%ld}\n", pushed, static_cast<long>(started),
              static_cast<long>(UnixNs()));
  return 0;
}

int Count(Redis& redis, const Options& options) {
  const std::string queue = Text(options, "queue", "jobs");
  const char* const script =
      "local q = KEYS[1] local held = 0 local repeated = 0 "
      "for _, id in ipairs(redis.call('SMEMBERS', q .. ':workers')) do "
      "  held = held + redis.call('LLEN', q .. ':held:' .. id) end "
      "for _, n in ipairs(redis.call('HVALS', q .. ':started')) do repeated = repeated + n - 1 end "
      "return {tonumber(redis.call('GET', q .. ':pushed') or 0), redis.call('LLEN', q), held, "
      "  redis.call('HLEN', q .. ':done'), repeated}";
  const Reply reply = redis.Call({"EVAL", script, "1", queue});
  if (reply.kind != Reply::Kind::kArray || reply.items.size() != 5) {
    std::fprintf(stderr, "drover-example-load: count: %s\n",
                 reply.broken() ? "connection lost" : reply.text.c_str());
    return 3;
  }
  const auto n = [&reply](size_t i) { return static_cast<long>(reply.items[i].number); };
  const long lost = n(0) - n(1) - n(2) - n(3);
  std::printf("{\"pushed\":%ld,\"waiting\":%ld,\"held\":%ld,\"done\":%ld,\"repeated\":%ld,\"lost\":%ld}\n",
              n(0), n(1), n(2), n(3), n(4), lost);
  return lost == 0 && n(4) == 0 ? 0 : 1;
}

int Clear(Redis& redis, const Options& options) {
  const std::string queue = Text(options, "queue", "jobs");
  const Reply workers = redis.Call({"SMEMBERS", queue + ":workers"});
  std::vector<std::string> words = {"DEL", queue};
  for (const char* note : {":pushed", ":started", ":taken", ":done", ":first", ":workers"})
    words.push_back(queue + note);
  for (const Reply& worker : workers.items) words.push_back(queue + ":held:" + worker.text);
  const Reply reply = redis.Call(words);
  std::printf("{\"removed\":%ld}\n", static_cast<long>(reply.number));
  return reply.kind == Reply::Kind::kInteger ? 0 : 3;
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, [](int) { stopping = true; });
  signal(SIGINT, [](int) { stopping = true; });
  if (argc < 3) Usage("a verb and a URL are needed");
  const std::string verb = argv[1];
  Url url;
  if (!ParseUrl(argv[2], &url))
    Usage(std::string("'") + argv[2] + "' is not http://HOST[:PORT][/PATH] or redis://HOST[:PORT][/DB]");
  Options options;
  for (int i = 3; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0 || i + 1 >= argc) Usage("'" + name + "': options are --NAME VALUE");
    options[name.substr(2)] = argv[i + 1];
  }
  if (verb == "http") return Http(url, options);
  if (verb != "push" && verb != "count" && verb != "clear") Usage("no verb '" + verb + "'");
  Redis redis(url);
  std::string error;
  if (!redis.Open(5000, &error)) {
    std::fprintf(stderr, "drover-example-load: %s\n", error.c_str());
    return 3;
  }
  if (verb == "push") return Push(redis, options);
  if (verb == "count") return Count(redis, options);
  return Clear(redis, options);
}

}  // namespace
}  // namespace drover::examples

int main(int argc, char** argv) { return drover::examples::Main(argc, argv); }
