#include "agent/runtime/sensors/accept_queue.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/runtime/sensors/files.h"
#include "agent/runtime/sensors/sock_diag.h"
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

bool AskDiagnosis(SockDiag& diagnosis, uint32_t states, const std::vector<uint32_t>& ports, Counts& counts) {
  return diagnosis.EachTcp(states, [&](const inet_diag_msg& row) {
    Count(ports, ntohs(row.id.idiag_sport), row.idiag_state, row.idiag_rqueue, row.idiag_inode != 0, counts);
  });
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
  int32_t pid = 0;
  std::vector<uint32_t> ports;
  std::optional<SockDiag> diagnosis;  // absent: the tables are read instead
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
  absl::StatusOr<SockDiag> diagnosis = SockDiag::Open(absl::StrCat(proc_root_, "/", pid, "/ns/net"));
  if (diagnosis.ok()) {
    watched->diagnosis = *std::move(diagnosis);
  } else if (access(absl::StrCat(proc_root_, "/", pid, "/net/tcp").c_str(), R_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat("accept queue of process ", pid, ": ", diagnosis.status().message()));
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
  if (watched.diagnosis) {
    const uint32_t states = kListen | (with_accepted ? kConnected : 0);
    read = AskDiagnosis(*watched.diagnosis, states, watched.ports, counts);
    if (!read) {
      watched.diagnosis.reset();  // half a dump may be left in it
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
