#include "tests/integration/agent/stalling_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace drover::agent {
namespace {

constexpr int kPollMs = 20;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

// Moves what is there; false at the end of the stream.
bool Forward(int from, int to) {
  char buffer[16 << 10];
  ssize_t got = read(from, buffer, sizeof(buffer));
  for (ssize_t sent = 0; sent < got;) {
    ssize_t n = send(to, buffer + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    sent += n;
  }
  return got > 0;
}

}  // namespace

StallingProxy::StallingProxy(const std::string& socket, const std::string& engine) : engine_(engine) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = AddressOf(socket);
  (void)bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  (void)listen(listener_, 64);
  acceptor_ = std::thread([this] { Accept(); });
}

StallingProxy::~StallingProxy() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& connection : connections_) {
    connection.join();
  }
  close(listener_);
}

void StallingProxy::Stall(std::chrono::milliseconds how_long) {
  until_ = std::chrono::steady_clock::now() + how_long;
}

bool StallingProxy::Stalled() const { return std::chrono::steady_clock::now() < until_.load(); }

void StallingProxy::Accept() {
  while (!stop_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) > 0) {
      int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      connections_.emplace_back([this, client] { Serve(client); });
    }
  }
}

void StallingProxy::Serve(int client) {
  int engine = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = AddressOf(engine_);
  bool open = connect(engine, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  while (open && !stop_) {
    bool stalled = Stalled();
    pollfd ends[2] = {{client, POLLIN, 0}, {stalled ? -1 : engine, POLLIN, 0}};
    poll(ends, 2, kPollMs);
    if (ends[0].revents != 0) {
      open = Forward(client, engine);
    }
    if (open && ends[1].revents != 0 && !Stalled()) {
      open = Forward(engine, client);
    }
  }
  close(client);
  close(engine);
}

}  // namespace drover::agent
