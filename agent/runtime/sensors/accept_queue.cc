#include "agent/runtime/sensors/accept_queue.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/sensors/files.h"
#include "common/status.h"

namespace drover::agent {
namespace {

// What one walk over the sockets found.
struct Counts {
  bool listening = false;
  int64_t waiting = 0;
  int64_t accepted = 0;
};

constexpr uint32_t kListen = 1u << TCP_LISTEN;
constexpr uint32_t kConnected = (1u << TCP_ESTABLISHED) | (1u << TCP_CLOSE_WAIT);

void Count(const std::vector<uint32_t>& ports, uint32_t port, uint32_t state, int64_t receive_queue,
           bool has_inode, Counts& counts) {
  if (std::find(ports.begin(), ports.end(), port) == ports.end()) {
    return;
  }
  if (state == TCP_LISTEN) {
    counts.listening = true;
    counts.waiting += receive_queue;
  } else if (has_inode && (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT)) {
    ++counts.accepted;  // not yet accepted ones have no inode
  }
}

// A netlink socket of the network namespace of `pid`. The namespace belongs to a thread, so one is
// made for the moment of opening; the socket keeps it.
absl::StatusOr<int> OpenDiagnosis(const std::string& namespace_path) {
  const int target = open(namespace_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (target < 0) {
    return absl::NotFoundError(absl::StrCat(namespace_path, ": ", std::strerror(errno)));
  }
  int fd = -1;
  int error = 0;
  std::thread([&] {
    if (setns(target, CLONE_NEWNET) == 0) {
      fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    }
    error = errno;
  }).join();
  close(target);
  if (fd < 0) {
    return absl::PermissionDeniedError(absl::StrCat("enter ", namespace_path, ": ", std::strerror(error)));
  }
  const timeval limit{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

// Reads one dump to its end. False: the socket failed.
bool ReadDump(int fd, const std::vector<uint32_t>& ports, Counts& counts) {
  alignas(nlmsghdr) char buffer[32768];
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      return false;
    }
    auto left = static_cast<unsigned>(n);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) {
        return true;
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        return false;
      }
      const auto* row = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
      Count(ports, ntohs(row->id.idiag_sport), row->idiag_state, row->idiag_rqueue, row->idiag_inode != 0,
            counts);
    }
  }
}

bool AskDiagnosis(int fd, uint8_t family, uint32_t states, const std::vector<uint32_t>& ports,
                  Counts& counts) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};

  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = family;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = states;
  return send(fd, &message, sizeof(message), 0) == sizeof(message) && ReadDump(fd, ports, counts);
}

// The same from /proc/PID/net/tcp and tcp6. False: neither could be read.
bool ReadTables(const std::string& folder, const std::vector<uint32_t>& ports, Counts& counts) {
  bool any = false;
  for (const char* name : {"/net/tcp", "/net/tcp6"}) {
    const std::optional<std::string> text = ReadFile(folder + name);
    any = any || text.has_value();
    for (const absl::string_view line : absl::StrSplit(text.value_or(""), '\n', absl::SkipEmpty())) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (words.size() < 10) {
        continue;
      }
      const std::vector<absl::string_view> local = absl::StrSplit(words[1], ':');
      const std::vector<absl::string_view> queues = absl::StrSplit(words[4], ':');
      uint32_t port = 0;
      uint32_t state = 0;
      int64_t waiting = 0;
      if (local.size() == 2 && queues.size() == 2 && absl::SimpleHexAtoi(local[1], &port) &&
          absl::SimpleHexAtoi(words[3], &state) && absl::SimpleHexAtoi(queues[1], &waiting)) {
        Count(ports, port, state, waiting, words[9] != "0", counts);
      }
    }
  }
  return any;
}

}  // namespace

struct AcceptQueueSensor::Watched {
  ~Watched() {
    if (fd >= 0) {
      close(fd);
    }
  }

  int32_t pid = 0;
  std::vector<uint32_t> ports;
  int fd = -1;  // -1: the tables are read instead
};

AcceptQueueSensor::AcceptQueueSensor(std::string proc_root) : proc_root_(std::move(proc_root)) {}

AcceptQueueSensor::~AcceptQueueSensor() = default;

absl::Status AcceptQueueSensor::Watch(ReplicaId replica, int32_t pid, std::vector<uint32_t> ports) {
  const auto it = watched_.find(replica);
  if (it != watched_.end() && it->second->pid == pid && it->second->ports == ports) {
    return absl::OkStatus();
  }
  watched_.erase(replica);
  auto watched = std::make_unique<Watched>();
  watched->pid = pid;
  watched->ports = std::move(ports);
  const absl::StatusOr<int> fd = OpenDiagnosis(absl::StrCat(proc_root_, "/", pid, "/ns/net"));
  if (fd.ok()) {
    watched->fd = *fd;
  } else if (access(absl::StrCat(proc_root_, "/", pid, "/net/tcp").c_str(), R_OK) != 0) {
    return absl::NotFoundError(absl::StrCat("accept queue of process ", pid, ": ", fd.status().message()));
  }
  watched_[replica] = std::move(watched);
  return absl::OkStatus();
}

void AcceptQueueSensor::Forget(ReplicaId replica) { watched_.erase(replica); }

AcceptQueueSample AcceptQueueSensor::Read(ReplicaId replica, bool with_accepted) {
  AcceptQueueSample sample;
  const auto it = watched_.find(replica);
  if (it == watched_.end()) {
    sample.error = "not watched";
    return sample;
  }
  Watched& watched = *it->second;
  const std::string folder = absl::StrCat(proc_root_, "/", watched.pid);
  Counts counts;
  bool read = false;
  if (access((folder + "/net/tcp").c_str(), F_OK) != 0) {
    sample.error = absl::StrCat("process ", watched.pid, " is gone");  // its namespace may live on, empty
    return sample;
  }
  if (watched.fd >= 0) {
    const uint32_t states = kListen | (with_accepted ? kConnected : 0);
    read = AskDiagnosis(watched.fd, AF_INET, states, watched.ports, counts) &&
           AskDiagnosis(watched.fd, AF_INET6, states, watched.ports, counts);
    if (!read) {
      close(std::exchange(watched.fd, -1));  // half a dump may be left in it
      counts = Counts();
    }
  }
  if (!read && !ReadTables(folder, watched.ports, counts)) {
    sample.error = absl::StrCat(folder, "/net/tcp: cannot be read");
    return sample;
  }
  if (!counts.listening) {
    sample.error = "nothing listens on the routed port";
    return sample;
  }
  sample.waiting = counts.waiting;
  if (with_accepted) {
    sample.accepted = counts.accepted;
  }
  return sample;
}

}  // namespace drover::agent
