#include "agent/runtime/readiness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"

namespace drover::agent {
namespace {

constexpr Duration kFirstInterval = absl::Milliseconds(20);
constexpr Duration kReadyInterval = absl::Seconds(1);
constexpr Duration kRepeatBadNews = absl::Seconds(1);

struct Probe {
  ProbeTarget target;
  int fd = -1;
  bool sent = false;
  std::string answer;
  Instant started;
  Instant next;
  Duration interval = kFirstInterval;
  int good = 0;
  bool ready = false;
  std::optional<Instant> told;

  void Close() {
    if (fd >= 0) {
      close(fd);
      fd = -1;
    }
  }
};

// A connected or connecting socket; -1 with errno set.
int Connect(const std::string& address, uint32_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    size = sizeof(*v4);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    size = sizeof(*v6);
  } else {
    errno = EINVAL;
    return -1;
  }
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace

class Readiness::Impl {
 public:
  explicit Impl(std::function<void(ReplicaId, bool, std::string)> result)
      : result_(std::move(result)), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    Wake();
    thread_.join();
    for (auto& [id, probe] : probes_) {
      probe.Close();
    }
    close(wake_fd_);
  }

  void SetTargets(std::vector<ProbeTarget> targets) {
    {
      std::lock_guard lock(mutex_);
      wanted_ = std::move(targets);
      changed_ = true;
    }
    Wake();
  }

 private:
  void Wake() {
    uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof(one));
  }

  // False when it is time to end.
  bool TakeTargets() {
    std::lock_guard lock(mutex_);
    if (changed_) {
      changed_ = false;
      std::map<ReplicaId, Probe> next;
      for (ProbeTarget& target : wanted_) {
        auto it = probes_.find(target.replica);
        if (it != probes_.end() && it->second.target == target) {
          next.insert(probes_.extract(it));
        } else {
          Probe probe;
          probe.target = std::move(target);
          next.emplace(probe.target.replica, std::move(probe));
        }
      }
      for (auto& [id, probe] : probes_) {
        probe.Close();
      }
      probes_ = std::move(next);
      wanted_.clear();
    }
    return !stop_;
  }

  void Run() {
    while (TakeTargets()) {
      Instant now = Now();
      Instant wake = now + absl::Seconds(10);
      std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
      std::vector<Probe*> owners = {nullptr};
      for (auto& [id, probe] : probes_) {
        if (probe.fd < 0 && probe.next <= now) {
          Begin(probe, now);
        }
        if (probe.fd >= 0) {
          fds.push_back({probe.fd, static_cast<short>(probe.sent ? POLLIN : POLLOUT), 0});
          owners.push_back(&probe);
          wake = std::min(wake, probe.started + probe.target.timeout);
        } else {
          wake = std::min(wake, probe.next);
        }
      }
      int64_t wait = std::max<int64_t>(0, absl::ToInt64Milliseconds(wake - now + absl::Microseconds(999)));
      poll(fds.data(), fds.size(), static_cast<int>(wait));
      if (fds[0].revents != 0) {
        uint64_t ignored = 0;
        (void)!read(wake_fd_, &ignored, sizeof(ignored));
      }
      now = Now();
      for (size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents != 0) {
          Advance(*owners[i], now);
        } else if (now - owners[i]->started >= owners[i]->target.timeout) {
          End(*owners[i], false, "no answer in time", now);
        }
      }
    }
  }

  void Begin(Probe& probe, Instant now) {
    probe.started = now;
    probe.sent = false;
    probe.answer.clear();
    probe.fd = Connect(probe.target.address, probe.target.port);
    if (probe.fd < 0) {
      End(probe, false, std::strerror(errno), now);
    }
  }

  void Advance(Probe& probe, Instant now) {
    if (!probe.sent) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(probe.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) {
        return End(probe, false, std::strerror(error), now);
      }
      if (probe.target.http_path.empty()) {
        return End(probe, true, "", now);
      }
      const ProbeTarget& target = probe.target;
      std::string request =
          absl::StrCat("GET ", target.http_path,
                       " HTTP/1.1\r\nHost: ", target.http_host.empty() ? target.address : target.http_host,
                       "\r\nUser-Agent: drover-ready\r\nConnection: close\r\n\r\n");
      probe.sent = true;
      if (send(probe.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request.size())) {
        End(probe, false, "the request could not be sent", now);
      }
      return;
    }
    char buffer[512];
    ssize_t got = recv(probe.fd, buffer, sizeof(buffer), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (got > 0) {
      probe.answer.append(buffer, static_cast<size_t>(got));
    }
    size_t line = probe.answer.find('\n');
    if (line == std::string::npos && got > 0 && probe.answer.size() < 4096) {
      return;
    }
    int status = 0;
    bool http = absl::StartsWith(probe.answer, "HTTP/1.") && probe.answer.size() >= 12 &&
                absl::SimpleAtoi(probe.answer.substr(9, 3), &status);
    bool good = http && status >= 200 && status < 400;
    End(probe, good, good ? "" : http ? absl::StrCat("HTTP status ", status) : "no HTTP answer", now);
  }

  void End(Probe& probe, bool good, const std::string& detail, Instant now) {
    probe.Close();
    probe.good = good ? probe.good + 1 : 0;
    bool ready = good && probe.good >= probe.target.in_a_row;
    bool news = ready != probe.ready || !probe.told;
    bool repeat = !ready && probe.told && now - *probe.told >= kRepeatBadNews;
    probe.ready = ready;
    if (ready) {
      probe.next = now + kReadyInterval;
      probe.interval = kFirstInterval;
    } else {
      probe.next = now + std::min(probe.interval, probe.target.interval);
      probe.interval = good ? kFirstInterval : std::min(probe.interval * 2, probe.target.interval);
    }
    bool halfway = good && !ready;  // the next success decides
    if ((news || repeat) && !halfway) {
      probe.told = now;
      result_(probe.target.replica, ready, detail);
    }
  }

  std::function<void(ReplicaId, bool, std::string)> result_;
  int wake_fd_;
  std::mutex mutex_;
  std::vector<ProbeTarget> wanted_;
  bool changed_ = false;
  bool stop_ = false;
  std::map<ReplicaId, Probe> probes_;  // only on the probing thread
  std::thread thread_;
};

Readiness::Readiness(std::function<void(ReplicaId, bool, std::string)> result)
    : impl_(std::make_unique<Impl>(std::move(result))) {}

Readiness::~Readiness() = default;

void Readiness::SetTargets(std::vector<ProbeTarget> targets) { impl_->SetTargets(std::move(targets)); }

}  // namespace drover::agent
