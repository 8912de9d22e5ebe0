// A HAProxy socket that answers by rote.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "agent/runtime/edge/haproxy/runtime_api.h"

namespace drover::testing {

// Speaks the prompt protocol with answers by rote.
class FakeCli {
 public:
  using Answers = std::map<std::string, std::string>;

  // A command without an entry gets an empty answer; the value "HANG" none at all, "CLOSE" half of one.
  explicit FakeCli(Answers answers) : answers_(std::move(answers)) {
    char dir[] = "/tmp/drover-cli-XXXXXX";
    dir_ = mkdtemp(dir);
    path_ = dir_ + "/s";
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::thread([this] { Serve(); });
  }

  ~FakeCli() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
    rmdir(dir_.c_str());
  }

  const std::string& path() const { return path_; }

  absl::StatusOr<agent::RuntimeSession> Open(int limit_ms = 2000) const {
    return agent::RuntimeSession::Open(
        path_, "> ", std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms));
  }

 private:
  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    std::string input;
    char buffer[4096];
    for (ssize_t n = 0; fd >= 0 && (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      input.append(buffer, static_cast<size_t>(n));
      for (size_t end = 0; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
        const auto it = answers_.find(input.substr(0, end));
        const std::string answer = it == answers_.end() ? "" : it->second;
        if (answer == "CLOSE") {
          send(fd, "1\n# be_", 7, MSG_NOSIGNAL);
          close(fd);
          return;
        }
        const std::string text = answer.empty() ? "\n> " : answer + "\n\n> ";
        if (answer != "HANG") {
          // In two parts: nothing may rely on where a read ends.
          send(fd, text.data(), 1, MSG_NOSIGNAL);
          send(fd, text.data() + 1, text.size() - 1, MSG_NOSIGNAL);
        }
      }
    }
    close(fd);
  }

  Answers answers_;
  std::string dir_, path_;
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace drover::testing
