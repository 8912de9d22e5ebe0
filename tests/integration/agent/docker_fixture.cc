#include "tests/integration/agent/docker_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"

namespace drover::agent {
namespace {

// Polls `command` until it succeeds.
bool SucceedsWithin(const std::string& command, std::chrono::seconds limit) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    int code = 0;
    Shell(command, &code);
    if (code == 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return false;
}

bool ImportImage(const std::string& docker) {
  int code = 0;
  Shell(absl::StrCat(docker, " image inspect ", kTestImage), &code);
  if (code == 0) {
    return true;
  }
  std::string script = absl::StrCat(
      "set -e; d=$(mktemp -d); mkdir -p $d/bin $d/tmp $d/proc; cp $(command -v busybox) $d/bin/busybox; "
      "for a in sh sleep echo cat kill nc httpd wget true false env ls test; do ln -s busybox $d/bin/$a; "
      "done; "
      "tar -C $d -cf - . | ",
      docker, " import -c 'EXPOSE 8000' -c 'ENV PATH=/bin' - ", kTestImage, "; rm -rf $d");
  Shell(script, &code);
  return code == 0;
}

}  // namespace

std::string Shell(const std::string& command, int* exit_code) {
  std::string output;
  FILE* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    if (exit_code != nullptr) {
      *exit_code = -1;
    }
    return "popen failed";
  }
  std::array<char, 4096> buffer;
  size_t got = 0;
  while ((got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    output.append(buffer.data(), got);
  }
  int status = pclose(pipe);
  if (exit_code != nullptr) {
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  return output;
}

std::string DockerMissing() {
  static const std::string kMissing = []() -> std::string {
    int code = 0;
    Shell("docker version", &code);
    if (code != 0) {
      Shell("setsid dockerd >/tmp/dockerd.log 2>&1 </dev/null &");
      if (!SucceedsWithin("docker version", std::chrono::seconds(30))) {
        return "no Docker Engine answers and none could be started (see /tmp/dockerd.log)";
      }
    }
    return ImportImage("docker") ? "" : "the test image could not be made: is busybox-static installed?";
  }();
  return kMissing;
}

std::string UniqueStack() {
  std::random_device random;
  return absl::StrCat("drovertest-", absl::Hex(random() & 0xffffff, absl::kZeroPad6));
}

void RemoveStack(const std::string& stack) {
  std::string filter = absl::StrCat("--filter label=io.drover.stack=", stack);
  Shell(absl::StrCat("ids=$(docker ps -aq ", filter, "); [ -z \"$ids\" ] || docker rm -fv $ids"));
  Shell(absl::StrCat("ids=$(docker network ls -q ", filter, "); [ -z \"$ids\" ] || docker network rm $ids"));
  Shell(absl::StrCat("ids=$(docker volume ls -q ", filter, "); [ -z \"$ids\" ] || docker volume rm $ids"));
}

PrivateDockerd::PrivateDockerd() {
  std::string pattern = "/tmp/drover-dockerd-XXXXXX";
  dir_ = mkdtemp(pattern.data());
  socket_ = dir_ + "/docker.sock";
}

PrivateDockerd::~PrivateDockerd() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

bool PrivateDockerd::Start() {
  // In a network of its own: with --bridge none dockerd deletes docker0 of wherever it runs.
  std::vector<std::string> args = {
      "unshare",           "-n",           "dockerd",     "--host",           "unix://" + socket_,
      "--data-root",       dir_ + "/data", "--exec-root", dir_ + "/exec",     "--pidfile",
      dir_ + "/pid",       "--bridge",     "none",        "--iptables=false", "--ip6tables=false",
      "--ip-forward=false"};
  pid_ = fork();
  if (pid_ == 0) {
    setsid();
    int log = open((dir_ + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    dup2(log, 1);
    dup2(log, 2);
    std::vector<char*> argv;
    for (std::string& arg : args) {
      argv.push_back(arg.data());
    }
    argv.push_back(nullptr);
    execvp("unshare", argv.data());
    _exit(127);
  }
  std::string docker = absl::StrCat("docker -H unix://", socket_);
  return SucceedsWithin(docker + " version", std::chrono::seconds(30)) && ImportImage(docker);
}

void PrivateDockerd::Stop() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

}  // namespace drover::agent
