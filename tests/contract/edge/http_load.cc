#include "tests/contract/edge/http_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>

namespace drover::testing {
namespace {

sockaddr_in Loopback(uint32_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int Listen(uint32_t* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 128) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  *port = ntohs(address.sin_port);
  return fd;
}

int Connect(uint32_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const timeval limit{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// The status of one exchange; 0 when the connection broke or the answer was cut.
int Exchange(int fd, const std::string& request) {
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return 0;
  }
  std::string answer;
  char buffer[4096];
  size_t head = std::string::npos;
  size_t body = 0;
  while (head == std::string::npos || answer.size() < head + 4 + body) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      return 0;
    }
    answer.append(buffer, static_cast<size_t>(n));
    if (head == std::string::npos && (head = answer.find("\r\n\r\n")) != std::string::npos) {
      const size_t length = answer.find("ontent-length: ");
      const size_t other = answer.find("ontent-Length: ");
      const size_t at = length < head ? length : other;
      body = at < head ? std::strtoul(answer.c_str() + at + 15, nullptr, 10) : 0;
    }
  }
  return std::atoi(answer.c_str() + 9);
}

std::string Request(const std::string& path, const std::string& host) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

// The example of RFC 6455, section 1.3.
constexpr char kSwitching[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const std::string kRefusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

// What a client sees before it sends.
bool IsClosed(int fd) {
  char byte = 0;
  const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN);
}

}  // namespace

std::string HeaderOf(const std::string& head, const std::string& lower_case_name) {
  std::string lower = head;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string key = "\r\n" + lower_case_name + ": ";
  const size_t at = lower.find(key);
  if (at == std::string::npos) {
    return "";
  }
  return head.substr(at + key.size(), lower.find("\r\n", at + 2) - at - key.size());
}

HttpBackend::HttpBackend() : listener_(Listen(&port_)), acceptor_([this] { Accept(); }) {}

HttpBackend::~HttpBackend() {
  stop_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  std::unique_lock lock(mutex_);
  for (const int fd : open_) {
    shutdown(fd, SHUT_RDWR);
  }
  closed_.wait(lock, [this] { return open_.empty(); });
}

void HttpBackend::Accept() {
  while (!stop_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    const std::lock_guard lock(mutex_);
    open_.insert(fd);
    std::thread([this, fd] { Serve(fd); }).detach();
  }
}

bool HttpBackend::IsRefused(const std::string& head) {
  const std::lock_guard lock(mutex_);
  return !refused_.empty() && head.find(" " + refused_ + " ") != std::string::npos;
}

void HttpBackend::Serve(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const std::string body = std::to_string(port_);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::string input;
  char buffer[4096];
  bool tunnel = false;
  for (ssize_t n = 0; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    if (tunnel) {
      send(fd, buffer, static_cast<size_t>(n), MSG_NOSIGNAL);
      continue;
    }
    input.append(buffer, static_cast<size_t>(n));
    for (size_t end = 0; (end = input.find("\r\n\r\n")) != std::string::npos; input.erase(0, end + 4)) {
      const std::string head = input.substr(0, end);
      if (HeaderOf(head, "upgrade") != "") {
        tunnel = true;
        send(fd, kSwitching, sizeof(kSwitching) - 1, MSG_NOSIGNAL);
        break;
      }
      const size_t body_size = std::strtoul(HeaderOf(head, "content-length").c_str(), nullptr, 10);
      if (input.size() < end + 4 + body_size) {
        break;  // more of an upload is to come
      }
      input.erase(end + 4, body_size);
      last_ns_ = std::chrono::steady_clock::now().time_since_epoch().count();
      int64_t none = 0;
      first_ns_.compare_exchange_strong(none, last_ns_);
      std::this_thread::sleep_for(std::chrono::milliseconds(++begun_ % 10 == 0 ? tenth_ms_ : usual_ms_));
      while (held_ && !stop_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      ++served_;  // before the client can know
      const std::string& said = IsRefused(head) ? kRefusal : answer;
      if (send(fd, said.data(), said.size(), MSG_NOSIGNAL) < 0) {
        break;
      }
    }
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  close(fd);
  closed_.notify_all();  // under the lock: it may be the last that this object lives
}

uint32_t FreePort() {
  uint32_t port = 0;
  close(Listen(&port));
  return port;
}

int ConnectSilently(uint32_t port) { return Connect(port); }

std::string FetchText(uint32_t port, const std::string& header) {
  const int fd = Connect(port);
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + "\r\n";
  std::string answer;
  if (fd >= 0 && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[4096];
    for (ssize_t n = 0; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return answer;
}

int OpenWebSocket(uint32_t port) {
  const int fd = Connect(port);
  const std::string request =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  char buffer[4096];
  if (fd >= 0 && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
      recv(fd, buffer, sizeof(buffer), 0) > 12 && std::string(buffer + 9, 3) == "101") {
    return fd;
  }
  close(fd);
  return -1;
}

bool Echoes(int fd) {
  char byte = 0;
  return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1 && byte == 'x';
}

int Fetch(uint32_t port, const std::string& path, const std::string& host) {
  const int fd = Connect(port);
  if (fd < 0) {
    return 0;
  }
  const int status = Exchange(fd, Request(path, host));
  close(fd);
  return status;
}

StrictLoad::StrictLoad(uint32_t port, int connections, bool keep_alive, std::chrono::microseconds interval) {
  for (int i = 0; i < connections; ++i) {
    threads_.emplace_back([=, this] { Run(port, keep_alive, interval, interval * i / connections); });
  }
}

StrictLoad::~StrictLoad() { Stop(); }

void StrictLoad::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void StrictLoad::Run(uint32_t port, bool keep_alive, std::chrono::microseconds interval,
                     std::chrono::microseconds after) {
  const std::string request = Request("/", "localhost");
  int fd = -1;
  auto next = std::chrono::steady_clock::now() + after;
  while (!stop_) {
    std::this_thread::sleep_until(next);
    next = std::max(next + interval, std::chrono::steady_clock::now());
    if (fd >= 0 && IsClosed(fd)) {
      ++reconnected_;
      close(fd);
      fd = -1;
    }
    if (fd < 0) {
      fd = Connect(port);
    }
    if (fd >= 0 && Exchange(fd, request) == 200) {
      ++done_;
      if (keep_alive) {
        continue;
      }
    } else {
      ++failed_;
    }
    if (fd >= 0) {
      close(fd);
    }
    fd = -1;
  }
  if (fd >= 0) {
    close(fd);
  }
}

}  // namespace drover::testing
