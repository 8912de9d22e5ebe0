#include "controller/runtime/http/connection_pool.h"

#include <pthread.h>

#include <chrono>
#include <memory>
#include <utility>

namespace drover::controller {
namespace {

thread_local bool on_overflow_thread = false;

void* RunThread(void* argument) {
  const std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

// Detached, with a stack of this size. False when the system has no more threads.
bool StartThread(std::function<void()> body, size_t stack_bytes) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  auto argument = std::make_unique<std::function<void()>>(std::move(body));
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, RunThread, argument.get());
  pthread_attr_destroy(&attributes);
  if (error == 0) {
    argument.release();  // NOLINT: the thread owns it
  }
  return error == 0;
}

}  // namespace

bool ConnectionPool::OnOverflowThread() { return on_overflow_thread; }

bool ConnectionPool::SpawnLocked(Lane& lane) {
  if (!StartThread([this, &lane] { Work(lane); }, options_.stack_bytes)) {
    return false;
  }
  ++lane.live;
  return true;
}

void ConnectionPool::Submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    for (Lane* lane : {&normal_, &overflow_}) {
      const size_t limit = lane->overflow ? options_.overflow_threads : options_.threads;
      bool room = lane->idle > lane->tasks.size() || (lane->live < limit && SpawnLocked(*lane));
      room |= lane->overflow && lane->live > 0 && lane->tasks.size() < options_.overflow_queue;
      if (room) {
        lane->tasks.push_back(std::move(task));
        lane->filled.notify_one();
        return;
      }
    }
  }
  on_overflow_thread = true;
  task();
  on_overflow_thread = false;
}

void ConnectionPool::Work(Lane& lane) {
  on_overflow_thread = lane.overflow;
  std::unique_lock lock(mutex_);
  while (true) {
    ++lane.idle;
    const bool woken = lane.filled.wait_for(lock, std::chrono::seconds(options_.idle_seconds),
                                            [&] { return !lane.tasks.empty() || stopping_; });
    --lane.idle;
    if (lane.tasks.empty()) {
      if (stopping_ || !woken) {
        break;
      }
      continue;
    }
    const std::function<void()> task = std::move(lane.tasks.front());
    lane.tasks.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
  --lane.live;
  // Under the lock: after it the pool may be gone.
  ended_.notify_all();
}

void ConnectionPool::Shutdown() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  normal_.filled.notify_all();
  overflow_.filled.notify_all();
  ended_.wait(lock, [this] { return normal_.live + overflow_.live == 0; });
}

size_t ConnectionPool::busy() const {
  const std::lock_guard lock(mutex_);
  return normal_.live - normal_.idle;
}

}  // namespace drover::controller
