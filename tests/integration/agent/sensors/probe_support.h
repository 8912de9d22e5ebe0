// What the tests of queue probes share: servers on loopback, and waiting for samples.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/runtime/sensors/prober.h"

namespace drover::agent {

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

inline uint32_t FreePort() { return SilentServer().port(); }

// A program of the machine that a test starts and kills.
class ChildProcess {
 public:
  // Its output is thrown away. `arguments[0]` is looked for in PATH.
  explicit ChildProcess(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) {
      pid_ = 0;
    }
    posix_spawn_file_actions_destroy(&actions);
  }

  ~ChildProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool started() const { return pid_ > 0; }

 private:
  pid_t pid_ = 0;
};

// A directory that goes with the object.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    char path[] = "/tmp/drover-probe-XXXXXX";
    path_ = mkdtemp(path);
  }

  ~ScratchDirectory() { std::filesystem::remove_all(path_); }

  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  // Writes the file and returns its path.
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The probe's newest sample that satisfies `good`, awaited for 3 s.
inline std::optional<v1::QueueSample> Await(const Prober& prober, uint32_t handle,
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

inline bool Known(const v1::QueueSample& sample) { return sample.known(); }

inline bool Unknown(const v1::QueueSample& sample) { return !sample.known(); }

// A probe of one server on loopback, read every 20 ms.
inline v1::Probe ProbeOf(uint32_t handle, v1::QueueSpec::Kind kind, uint32_t port) {
  v1::Probe probe;
  probe.set_handle(handle);
  probe.set_term(4);
  probe.set_stack("shop");
  probe.set_interval_ms(20);
  v1::QueueSpec* queue = probe.mutable_queue();
  queue->set_name("jobs");
  queue->set_kind(kind);
  queue->add_endpoints()->set_host("127.0.0.1");
  queue->mutable_endpoints(0)->set_port(port);
  return probe;
}

}  // namespace drover::agent
