// The few lines of networking that the example programs share: TCP with deadlines, and the Redis
// protocol (RESP2) spoken over it. Standard library and sockets only, so that the programs link
// statically and run in an image made from nothing. Not used by Drover itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drover::examples {

// Monotonic, for durations.
int64_t NowMs();
// Nanoseconds since 1970, to compare what different processes of one host wrote down.
int64_t UnixNs();

// Environment variable `name`, or `fallback` where it is unset or empty.
std::string Env(const char* name, const std::string& fallback);
int64_t EnvInt(const char* name, int64_t fallback);

// Burns `ms` of this thread's CPU time: the same work however busy the host is.
void BurnCpu(int64_t ms);
void SleepMs(int64_t ms);

// Opens a TCP connection; -1 and `error` when that fails or takes longer than `timeout_ms`.
// Reads and writes on it fail after `timeout_ms` without progress.
int Connect(const std::string& host, const std::string& port, int64_t timeout_ms, std::string* error);
// Writes all of `data`; false: the connection is broken.
bool SendAll(int fd, const std::string& data);

struct Url {
  std::string scheme;
  std::string host;
  std::string port;
  std::string path;  // with its leading '/'; empty: none
};

// "http://HOST[:PORT][/PATH]" or "redis://HOST[:PORT][/DB]". False: not such a URL.
bool ParseUrl(const std::string& text, Url* url);

// One answer of Redis.
struct Reply {
  enum class Kind { kNil, kString, kInteger, kArray, kError, kBroken };

  Kind kind = Kind::kBroken;  // kBroken: the connection failed, nothing is known
  std::string text;           // of kString and kError
  int64_t number = 0;         // of kInteger
  std::vector<Reply> items;   // of kArray

  bool broken() const { return kind == Kind::kBroken; }
};

// A connection to Redis for one thread. After kBroken call Open again.
class Redis {
 public:
  // `url` as for ParseUrl; a database number in the path is selected on Open.
  explicit Redis(const Url& url) : url_(url) {}

  ~Redis() { Close(); }

  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  // Connects, also when it was connected. False: `error` says why.
  bool Open(int64_t timeout_ms, std::string* error);
  void Close();

  bool is_open() const { return fd_ >= 0; }

  // One command, one reply.
  Reply Call(const std::vector<std::string>& words);
  // All commands in one write; their replies in order, as many as came before the connection broke.
  std::vector<Reply> Pipeline(const std::vector<std::vector<std::string>>& commands);

 private:
  Reply Read();
  bool ReadLine(std::string* line);
  bool Fill();

  Url url_;
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace drover::examples
