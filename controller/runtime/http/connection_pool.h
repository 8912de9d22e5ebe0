// Threads for connections (R13): one each up to a limit, made when needed, with small stacks, gone
// after a while of idleness. What comes beyond the limit runs on a few threads of its own that know it
// (`OnOverflowThread`), to be refused quickly instead of waiting.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace drover::controller {

class ConnectionPool {
 public:
  struct Options {
    size_t threads = 1280;
    size_t overflow_threads = 8;
    size_t overflow_queue = 4096;
    // The deepest that a client can cause is the library's regex over a path of 256 characters, about
    // 80 KB (tests: TheWorstHeadersFitIntoTheStack); ten times that under a sanitizer.
    size_t stack_bytes = 1U << 20;
    int idle_seconds = 30;
  };

  explicit ConnectionPool(Options options) : options_(options) {}

  // Shuts down.
  ~ConnectionPool() { Shutdown(); }

  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Runs `task` on a thread. When even the overflow is full: on the caller's, which holds back accepting.
  void Submit(std::function<void()> task);

  // Lets everything submitted end.
  void Shutdown();

  // Connections that have a thread now.
  size_t busy() const;

  size_t limit() const { return options_.threads; }

  static bool OnOverflowThread();

 private:
  struct Lane {
    std::deque<std::function<void()>> tasks;
    std::condition_variable filled;
    size_t live = 0;  // threads
    size_t idle = 0;  // of these waiting
    bool overflow = false;
  };

  bool SpawnLocked(Lane& lane);
  void Work(Lane& lane);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  Lane normal_;
  Lane overflow_{.tasks = {}, .filled = {}, .live = 0, .idle = 0, .overflow = true};
  bool stopping_ = false;
};

}  // namespace drover::controller
