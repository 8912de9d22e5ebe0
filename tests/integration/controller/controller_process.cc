#include "tests/integration/controller/controller_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

namespace drover::controller {
namespace {

bool Poll(double seconds, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string ReadAll(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

ControllerProcess::ControllerProcess(const std::vector<std::string>& arguments, const std::string& log)
    : log_(log), log_start_(ReadAll(log).size()) {
  std::vector<const char*> argv = {DROVER_CONTROLLER};
  for (const std::string& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execv(DROVER_CONTROLLER, const_cast<char* const*>(argv.data()));
    _exit(127);
  }
}

ControllerProcess::~ControllerProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
}

std::string ControllerProcess::Output() const { return ReadAll(log_).substr(log_start_); }

std::optional<std::string> ControllerProcess::WaitLog(const std::string& text, double seconds) const {
  std::string rest;
  const bool found = Poll(seconds, [&] {
    const std::string output = Output();
    const size_t at = output.find(text);
    const size_t end = at == std::string::npos ? at : output.find('\n', at);
    if (end == std::string::npos) {
      return false;
    }
    rest = output.substr(at + text.size(), end - at - text.size());
    return true;
  });
  return found ? std::optional(rest) : std::nullopt;
}

int ControllerProcess::WaitReady() const {
  const auto port = WaitLog("ready for agents port=");
  return port.has_value() ? std::atoi(port->c_str()) : 0;
}

int ControllerProcess::WaitHttp() const {
  const auto port = WaitLog("ready for callers port=");
  return port.has_value() ? std::atoi(port->c_str()) : 0;
}

int ControllerProcess::WaitXds() const {
  const auto port = WaitLog("ready for xDS port=");
  return port.has_value() ? std::atoi(port->c_str()) : 0;
}

void ControllerProcess::Signal(int signal) const { kill(pid_, signal); }

std::optional<int> ControllerProcess::Wait(double seconds) {
  int status = 0;
  if (!Poll(seconds, [&] { return waitpid(pid_, &status, WNOHANG) == pid_; })) {
    return std::nullopt;
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string HttpRequest(int port, const std::string& method, const std::string& path,
                        const std::string& body) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request =
        method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        body;
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  close(fd);
  return answer;
}

}  // namespace drover::controller
