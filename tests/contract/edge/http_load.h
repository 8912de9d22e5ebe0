// A small HTTP backend that can hold its answers, and a strict keep-alive client that counts everything
// but a 200 as a failure. For tests of balancers on 127.0.0.0/8.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace drover::testing {

// Listens on 127.0.0.1 at a port of its own choice. Thread per connection, keep-alive. Answers with its port,
// after the whole of an upload; a WebSocket gets its bytes back.
class HttpBackend {
 public:
  HttpBackend();
  ~HttpBackend();  // cuts what is open, as a killed worker would

  uint32_t port() const { return port_; }

  uint64_t served() const { return served_; }

  // When the first and the latest request came, by the steady clock; nanoseconds, 0: none has come.
  int64_t first_ns() const { return first_ns_; }

  int64_t last_ns() const { return last_ns_; }

  // What a request takes, and what every tenth one does; 2 ms without.
  void Delay(std::chrono::milliseconds usual, std::chrono::milliseconds every_tenth) {
    usual_ms_ = usual.count();
    tenth_ms_ = every_tenth.count();
  }

  // Requests for this path get a 503; empty: none does.
  void Refuse(const std::string& path) {
    const std::lock_guard lock(mutex_);
    refused_ = path;
  }

  // While held, requests wait inside (in flight).
  void Hold(bool on) { held_ = on; }

 private:
  void Accept();
  void Serve(int fd);
  bool IsRefused(const std::string& head);

  uint32_t port_ = 0;  // set while listener_ is made
  int listener_ = -1;
  std::atomic<bool> held_{false};
  std::atomic<int64_t> usual_ms_{2};
  std::atomic<int64_t> tenth_ms_{2};
  std::atomic<uint64_t> begun_{0};
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> served_{0};
  std::atomic<int64_t> first_ns_{0};
  std::atomic<int64_t> last_ns_{0};
  std::mutex mutex_;
  std::string refused_;
  std::condition_variable closed_;
  std::set<int> open_;  // each served by a thread of its own
  std::thread acceptor_;
};

// A TCP port on 127.0.0.1 that was free a moment ago.
uint32_t FreePort();

// A connection on which nothing is sent; its descriptor, or -1.
int ConnectSilently(uint32_t port);

// The value of a header; empty when it is not there.
std::string HeaderOf(const std::string& head, const std::string& lower_case_name);

// One request with a further header line ("K: V\r\n", or nothing) on a fresh connection; all of the answer.
std::string FetchText(uint32_t port, const std::string& header = "");

// An upgraded connection; its descriptor, or -1.
int OpenWebSocket(uint32_t port);
// What is sent on it comes back.
bool Echoes(int fd);

// One request on a fresh connection; the status code, or 0 for any other end.
int Fetch(uint32_t port, const std::string& path = "/", const std::string& host = "localhost");

// Requests without pause on `connections` connections at a time until stopped; without `keep_alive` each
// request is on a connection of its own.
class StrictLoad {
 public:
  // `interval` between the starts of two requests of a connection, those of all spread evenly; zero: no
  // pause.
  StrictLoad(uint32_t port, int connections, bool keep_alive = true, std::chrono::microseconds interval = {});
  ~StrictLoad();
  void Stop();

  uint64_t done() const { return done_; }

  uint64_t failed() const { return failed_; }

  // Connections that the other side had closed before a request was sent on them: no failure, a client
  // sees it and opens another.
  uint64_t reconnected() const { return reconnected_; }

 private:
  void Run(uint32_t port, bool keep_alive, std::chrono::microseconds interval,
           std::chrono::microseconds after);

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> reconnected_{0};
  std::vector<std::thread> threads_;
};

}  // namespace drover::testing
