// drover-example-web: a small web worker, for the example stack and the tests.
//
//   GET /             200, the replica's name; burns WORK_MS of CPU first
//   GET /healthz      200 "ok"; 503 "draining" after SIGTERM
//   GET /work?ms=N    burns N ms of CPU, then 200
//   GET /sleep?ms=N   waits N ms, then 200
//   POST /            reads the whole body (Content-Length), then 200, its size in bytes
//   GET /exit?code=N  ends at once, like a worker that crashes
//
// Environment: PORT (8000), WORK_MS (0), START_MS (0: delay before it listens), LAME_MS (0: goes on
// accepting this long after SIGTERM), DRAIN_MS (30000: longest wait for requests in hand).
//
// SIGTERM: /healthz says 503, answers close their connection, requests in hand are finished, exit 0.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "deploy/examples/net.h"

namespace drover::examples {
namespace {

std::atomic<int> in_hand{0};
std::atomic<bool> draining{false};

struct Settings {
  std::string name;
  int64_t work_ms = 0;
};

struct Answer {
  const char* status = "200 OK";
  std::string body;
};

// The number after '=' in the request line; 0 where there is none.
int64_t Argument(const std::string& request) {
  const size_t end = request.find('\r');
  const size_t at = request.find('=');
  return at < end ? std::strtoll(request.c_str() + at + 1, nullptr, 10) : 0;
}

size_t ContentLength(const std::string& request) {
  const char* header = strcasestr(request.c_str(), "\r\nContent-Length:");
  return header == nullptr ? 0 : std::strtoull(header + sizeof("\r\nContent-Length:") - 1, nullptr, 10);
}

// Takes `length` bytes from `buffer`, then from the connection. False: it ended before.
bool SkipBody(int fd, std::string& buffer, size_t length) {
  const size_t had = std::min(length, buffer.size());
  buffer.erase(0, had);
  for (size_t left = length - had; left > 0;) {
    char chunk[65536];
    const ssize_t n = recv(fd, chunk, std::min(left, sizeof chunk), 0);
    if (n <= 0) return false;
    left -= static_cast<size_t>(n);
  }
  return true;
}

Answer Serve(const Settings& settings, const std::string& request) {
  const auto is = [&request](const char* prefix) { return request.rfind(prefix, 0) == 0; };
  if (is("GET /healthz")) {
    if (draining) return {"503 Service Unavailable", "draining\n"};
    return {.body = "ok\n"};
  }
  if (is("GET /work?")) {
    BurnCpu(Argument(request));
  } else if (is("GET /sleep?")) {
    SleepMs(Argument(request));
  } else if (is("GET /exit")) {
    _exit(static_cast<int>(Argument(request)));
  } else if (is("POST / ")) {
    return {.body = std::to_string(ContentLength(request)) + "\n"};
  } else if (is("GET / ") || is("HEAD / ")) {
    BurnCpu(settings.work_ms);
  } else {
    return {"404 Not Found", "there is / (GET, POST), /healthz, /work?ms=N, /sleep?ms=N and /exit?code=N\n"};
  }
  return {.body = settings.name + "\n"};
}

bool KeepAlive(const std::string& request) {
  if (draining) return false;
  return request.find("HTTP/1.1\r\n") != std::string::npos &&
         strcasestr(request.c_str(), "\r\nConnection: close") == nullptr;
}

// Serves one connection until either side closes it.
void ServeConnection(int fd, const Settings& settings) {
  std::string buffer;
  bool open = true;
  while (open) {
    size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      char chunk[4096];
      const ssize_t n = recv(fd, chunk, sizeof chunk, 0);
      if (n <= 0 || buffer.size() > 65536) {
        close(fd);
        return;
      }
      buffer.append(chunk, static_cast<size_t>(n));
    }
    ++in_hand;
    const std::string request = buffer.substr(0, end + 2);
    buffer.erase(0, end + 4);
    if (!SkipBody(fd, buffer, ContentLength(request))) {
      --in_hand;
      break;
    }
    const Answer answer = Serve(settings, request);
    open = KeepAlive(request);
    const std::string body = request.rfind("HEAD", 0) == 0 ? "" : answer.body;
    open = SendAll(fd, std::string("HTTP/1.1 ") + answer.status +
                           "\r\nContent-Type: text/plain\r\nContent-Length: " +
                           std::to_string(answer.body.size()) +
                           "\r\nConnection: " + (open ? "keep-alive" : "close") + "\r\n\r\n" + body) &&
           open;
    --in_hand;
  }
  close(fd);
}

void Accept(int listener, const Settings& settings) {
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) {
      if (draining) return;
      continue;
    }
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::thread(ServeConnection, fd, settings).detach();
  }
}

int Listen(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1024) != 0) {
    std::perror("drover-example-web: listen");
    std::exit(1);
  }
  return fd;
}

int Main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const Settings settings{Env("DROVER_REPLICA_ID", host), EnvInt("WORK_MS", 0)};
  SleepMs(EnvInt("START_MS", 0));
  const int listener = Listen(static_cast<int>(EnvInt("PORT", 8000)));
  std::thread acceptor(Accept, listener, settings);

  int signal_number = 0;
  sigwait(&stop, &signal_number);
  draining = true;
  SleepMs(EnvInt("LAME_MS", 0));
  shutdown(listener, SHUT_RDWR);
  acceptor.join();
  const int64_t end = NowMs() + EnvInt("DRAIN_MS", 30000);
  while (in_hand > 0 && NowMs() < end) SleepMs(5);
  std::fflush(nullptr);
  _exit(in_hand > 0 ? 1 : 0);
}

}  // namespace
}  // namespace drover::examples

int main() { return drover::examples::Main(); }
