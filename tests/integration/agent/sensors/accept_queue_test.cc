// The accept queue of real sockets, in this network namespace and in another one.
#include "agent/runtime/sensors/accept_queue.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

const ReplicaId kReplica(1);

// A listener on 127.0.0.1 with `waiting` connections that nobody takes, and one that was taken.
class Listener {
 public:
  explicit Listener(int waiting) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 16) != 0) {
      std::abort();
    }
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < waiting + 1; ++i) {
      clients_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(clients_.back(), reinterpret_cast<sockaddr*>(&address), size) != 0) {
        std::abort();
      }
    }
    clients_.push_back(accept(fd_, nullptr, nullptr));
  }

  ~Listener() {
    for (const int client : clients_) {
      close(client);
    }
    close(fd_);
  }

  uint32_t port() const { return port_; }

 private:
  int fd_ = -1;
  uint32_t port_ = 0;
  std::vector<int> clients_;
};

TEST(AcceptQueueTest, CountsWaitingAndAccepted) {
  const Listener listener(5);
  AcceptQueueSensor sensor;
  ASSERT_TRUE(sensor.Watch(kReplica, getpid(), {listener.port()}).ok());
  AcceptQueueSample sample = sensor.Read(kReplica);
  EXPECT_EQ(sample.waiting, 5);
  EXPECT_EQ(sample.accepted, std::nullopt);
  sample = sensor.Read(kReplica, true);
  EXPECT_EQ(sample.waiting, 5);
  EXPECT_EQ(sample.accepted, 1);
}

TEST(AcceptQueueTest, R4_UnknownIsAbsent) {
  uint32_t port = 0;
  {
    const Listener listener(0);
    port = listener.port();
  }
  AcceptQueueSensor sensor;
  EXPECT_EQ(sensor.Read(kReplica).waiting, std::nullopt);
  EXPECT_TRUE(absl::IsNotFound(sensor.Watch(kReplica, 1 << 29, {port})));
  ASSERT_TRUE(sensor.Watch(kReplica, getpid(), {port}).ok());
  const AcceptQueueSample sample = sensor.Read(kReplica);
  EXPECT_EQ(sample.waiting, std::nullopt);
  EXPECT_EQ(sample.error, "nothing listens on the routed port");
}

TEST(AcceptQueueTest, TheTablesAreTheFallback) {
  char path[] = "/tmp/drover-proc-XXXXXX";
  const std::string root = mkdtemp(path);
  std::filesystem::create_directories(root + "/7/net");
  std::ofstream(root + "/7/net/tcp")
      << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
         "   0: 00000000:1F40 00000000:0000 0A 00000000:0000000C 00:00000000 00000000     0        0 869610 "
         "1\n"
         "   1: 0100007F:1F40 0100007F:C001 01 00000000:00000005 00:00000000 00000000     0        0 0 1\n"
         "   2: 0100007F:1F40 0100007F:C002 01 00000000:00000000 00:00000000 00000000     0        0 869700 "
         "1\n"
         "   3: 0100007F:C002 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 869701 "
         "1\n";
  AcceptQueueSensor sensor(root);
  ASSERT_TRUE(sensor.Watch(kReplica, 7, {8000}).ok());
  const AcceptQueueSample sample = sensor.Read(kReplica, true);
  EXPECT_EQ(sample.waiting, 12);
  EXPECT_EQ(sample.accepted, 1);
  std::filesystem::remove_all(root);
}

// A child in a network namespace of its own, with a listener there. Its port is written to `out`.
[[noreturn]] void LiveInOwnNamespace(int out) {
  const int control = socket(AF_INET, SOCK_DGRAM, 0);
  close(control);
  uint32_t port = 0;
  if (unshare(CLONE_NEWNET) == 0) {
    const int up = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(up, SIOCSIFFLAGS, &request) == 0) {
      auto* listener = new Listener(3);
      port = listener->port();
    }
  }
  if (write(out, &port, sizeof(port)) == sizeof(port)) {
    pause();
  }
  _exit(0);
}

TEST(AcceptQueueTest, SeesIntoAnotherNetworkNamespace) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    LiveInOwnNamespace(ends[1]);
  }
  uint32_t port = 0;
  ASSERT_EQ(read(ends[0], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
  if (port == 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    DROVER_MISSING("making network namespaces is not allowed here");
  }
  AcceptQueueSensor sensor;
  const Listener decoy(7);  // in our own namespace
  ASSERT_TRUE(sensor.Watch(kReplica, child, {port}).ok());
  const AcceptQueueSample sample = sensor.Read(kReplica, true);
  EXPECT_EQ(sample.waiting, 3);
  EXPECT_EQ(sample.accepted, 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(sensor.Read(kReplica).waiting, std::nullopt);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace drover::agent
