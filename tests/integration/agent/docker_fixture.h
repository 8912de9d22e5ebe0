// A real Docker Engine for tests: the one that answers on /var/run/docker.sock, else one that is started
// for them and left running. With an image of a static busybox, made by `docker import`.
#pragma once

#include <string>
#include <vector>

namespace drover::agent {

inline constexpr char kDockerSocket[] = "/var/run/docker.sock";
inline constexpr char kTestImage[] = "drover-test/busybox:1";

// Empty when an engine answers and has the image; else why not, for GTEST_SKIP.
std::string DockerMissing();

// Runs a shell command; its output. `exit_code` may be null.
std::string Shell(const std::string& command, int* exit_code = nullptr);

// A name no other run uses: "drovertest-1a2b3c".
std::string UniqueStack();

// Removes all containers, volumes and networks labelled with this stack.
void RemoveStack(const std::string& stack);

// An engine of its own: own socket and data, no bridge and no iptables. Stopped at the end.
class PrivateDockerd {
 public:
  PrivateDockerd();
  ~PrivateDockerd();
  PrivateDockerd(const PrivateDockerd&) = delete;
  PrivateDockerd& operator=(const PrivateDockerd&) = delete;

  // True once it answers, within 30 s.
  bool Start();
  // SIGTERM and wait; its containers end with it.
  void Stop();

  const std::string& socket() const { return socket_; }

 private:
  std::string dir_;
  std::string socket_;
  int pid_ = -1;
};

}  // namespace drover::agent
