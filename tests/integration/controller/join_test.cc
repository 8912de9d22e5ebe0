// The real programs: a host joins with a token and nothing else, is served by mutual TLS, renews its
// certificate, and gets nothing with a bad token. No Docker Engine is needed: an agent starts without one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/client.h"
#include "drover/v1/api.pb.h"
#include "pki/certificates.h"
#include "pki/token.h"
#include "tests/integration/controller/controller_process.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool Until(const std::function<bool()>& done, double seconds = 30) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// A drover-agent, ended by its pid.
class AgentProcess {
 public:
  AgentProcess(const std::vector<std::string>& arguments, const std::string& log) {
    std::vector<const char*> argv = {DROVER_AGENT};
    for (const std::string& argument : arguments) {
      argv.push_back(argument.c_str());
    }
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      dup2(fd, STDOUT_FILENO);
      dup2(fd, STDERR_FILENO);
      execv(DROVER_AGENT, const_cast<char* const*>(argv.data()));
      _exit(127);
    }
  }

  ~AgentProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  // The exit code; -1: it still runs.
  int Wait() {
    int status = 0;
    const bool ended = Until([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
    pid_ = ended ? 0 : pid_;
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

class JoinTest : public testing::Test {
 protected:
  void Start(const std::string& more = "") {
    std::ofstream(folder_.Path("controller.yaml"))
        << "tls: own\ngrpc: {listen: '127.0.0.1:0'}\nhttp: {listen: '127.0.0.1:0'}\n"
           "xds: {listen: '127.0.0.1:0'}\nstate_dir: "
        << folder_.Path("controller") << "\n"
        << more;
    controller_ = std::make_unique<ControllerProcess>(
        std::vector<std::string>{"--config", folder_.Path("controller.yaml")},
        folder_.Path("controller.log"));
    http_ = controller_->WaitHttp();
    ASSERT_GT(controller_->WaitReady(), 0) << controller_->Output();
    admin_ = FileText(folder_.Path("controller/admin.token"));
    while (!admin_.empty() && admin_.back() == '\n') {
      admin_.pop_back();
    }
  }

  cli::Client Client(const std::string& token) const {
    return cli::Client({.address = absl::StrCat("https://127.0.0.1:", http_), .token = token, .ca_cert = ""});
  }

  std::string NodeToken(uint32_t uses, std::optional<int> ttl_seconds = {}) const {
    v1::CreateTokenRequest request;
    request.set_role("node");
    request.set_uses(uses);
    if (ttl_seconds) {
      request.mutable_ttl()->set_seconds(*ttl_seconds);
    }
    v1::CreateTokenResponse created;
    const absl::Status sent = Client(admin_).Send("POST", "/v1/tokens", &request, &created);
    EXPECT_TRUE(sent.ok()) << sent;
    return created.secret();
  }

  // An agent with a state of its own by that name; `join` empty: as it was.
  std::unique_ptr<AgentProcess> Agent(const std::string& name, const std::string& join) {
    std::ofstream(folder_.Path(name + ".yaml"))
        << "name: " << name << "\nstate_dir: " << folder_.Path(name)
        << "\ndocker: {socket: " << folder_.Path("no-engine") << "}\nmetrics: {listen: off}\n";
    std::vector<std::string> arguments = {"--config", folder_.Path(name + ".yaml")};
    if (!join.empty()) {
      arguments.insert(arguments.end(), {"--join", absl::StrCat(join, "@127.0.0.1:", http_)});
    }
    return std::make_unique<AgentProcess>(arguments, folder_.Path(name + ".log"));
  }

  std::string LogOf(const std::string& name) const { return FileText(folder_.Path(name + ".log")); }

  bool IsUp(const std::string& name) const {
    v1::ListNodesResponse nodes;
    if (!Client(admin_).Get("/v1/nodes", &nodes).ok()) {
      return false;
    }
    for (const v1::Node& node : nodes.nodes()) {
      if (node.name() == name && node.status() == v1::Node::UP) {
        return true;
      }
    }
    return false;
  }

  // The newest entries of the audit, as text.
  std::string Audit() const {
    v1::ListAuditResponse list;
    EXPECT_TRUE(Client(admin_).Get("/v1/audit?limit=20", &list).ok());
    return list.DebugString();
  }

  Folder folder_;
  std::unique_ptr<ControllerProcess> controller_;
  int http_ = 0;
  std::string admin_;
};

TEST_F(JoinTest, ATokenIsAllThatAHostNeedsAndOnlyOnce) {
  Start();
  {
    const auto agent = Agent("host1", NodeToken(1));
    EXPECT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1") << controller_->Output();
    EXPECT_THAT(Audit(), HasSubstr("POST /v1/join"));
    EXPECT_EQ(std::filesystem::status(folder_.Path("host1/tls/identity.pem")).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  const size_t before = LogOf("host1").size();
  const auto again = Agent("host1", "");
  EXPECT_TRUE(Until([&] {
    return LogOf("host1").find("connected to the controller", before) != std::string::npos;
  })) << LogOf("host1");
}

TEST_F(JoinTest, AUsedUpAnEndedAndAForeignTokenGetNothingAndAreInTheAudit) {
  Start();
  const std::string once = NodeToken(1);
  const auto first = Agent("host1", once);
  ASSERT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1");
  EXPECT_EQ(Agent("host2", once)->Wait(), 1);
  EXPECT_THAT(LogOf("host2"), HasSubstr("is used up"));
  EXPECT_THAT(Audit(), HasSubstr("is used up"));

  const std::string brief = NodeToken(1, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(Agent("host3", brief)->Wait(), 1);
  EXPECT_THAT(LogOf("host3"), HasSubstr("was good until"));
  EXPECT_THAT(Audit(), HasSubstr("was good until"));

  EXPECT_EQ(Agent("host4", admin_)->Wait(), 1);
  EXPECT_THAT(LogOf("host4"), HasSubstr("not for nodes"));

  // Of another cluster: the token does not leave the host.
  pki::TokenText foreign = *pki::ParseToken(NodeToken(1));
  foreign.pin = std::string(64, 'f');
  EXPECT_EQ(Agent("host5", pki::Format(foreign))->Wait(), 1);
  EXPECT_THAT(LogOf("host5"), HasSubstr("is not the cluster that made this token"));
  EXPECT_FALSE(IsUp("host2") || IsUp("host3") || IsUp("host4") || IsUp("host5"));
}

TEST_F(JoinTest, CertificatesAreRenewedWhileAllGoesOn) {
  Start("certificates: {life: 15s}\n");
  const auto agent = Agent("host1", NodeToken(1));
  ASSERT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1");
  const std::string identity = folder_.Path("host1/tls/identity.pem");
  const std::string server = folder_.Path("controller/ca/server.pem");
  const std::string first = pki::FactsOf(FileText(identity))->serial;
  const std::string first_server = pki::FactsOf(FileText(server))->serial;
  EXPECT_TRUE(Until([&] { return pki::FactsOf(FileText(identity))->serial != first; })) << LogOf("host1");
  EXPECT_TRUE(Until([&] { return pki::FactsOf(FileText(server))->serial != first_server; }));
  // Longer than the life of the first ones.
  std::this_thread::sleep_for(std::chrono::seconds(15));
  EXPECT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1") << controller_->Output();
  EXPECT_THAT(Audit(), HasSubstr("renew"));
}

TEST_F(JoinTest, TheClientTellsItsClusterByTheToken) {
  Start();
  v1::VersionInfo info;
  EXPECT_TRUE(Client(admin_).Get("/v1/version", &info).ok());
  EXPECT_FALSE(Client("").Get("/v1/version", &info).ok()) << "the system's authorities do not know it";
  pki::TokenText foreign = *pki::ParseToken(admin_);
  foreign.pin = std::string(64, 'f');
  const absl::Status refused = Client(pki::Format(foreign)).Get("/v1/version", &info);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not the cluster that the token is of"));
  const cli::Client by_file({.address = absl::StrCat("https://localhost:", http_),
                             .token = admin_,
                             .ca_cert = folder_.Path("controller/ca/ca.pem")});
  EXPECT_TRUE(by_file.Get("/v1/version", &info).ok());
}

TEST_F(JoinTest, ARestartedControllerIsTheSameClusterForItsNodes) {
  Start();
  const auto agent = Agent("host1", NodeToken(1));
  ASSERT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1");
  controller_->Signal(SIGKILL);
  controller_->Wait();
  const std::string grpc = FileText(folder_.Path("host1/tls/membership.pb"));
  const size_t colon = grpc.find("127.0.0.1:") + 10;
  const std::string port = grpc.substr(colon, grpc.find_first_not_of("0123456789", colon) - colon);
  std::ofstream(folder_.Path("controller.yaml"))
      << "tls: own\ngrpc: {listen: '127.0.0.1:" << port << "'}\nhttp: {listen: '127.0.0.1:0'}\n"
      << "xds: {listen: '127.0.0.1:0'}\nstate_dir: " << folder_.Path("controller") << "\n";
  controller_ = std::make_unique<ControllerProcess>(
      std::vector<std::string>{"--config", folder_.Path("controller.yaml")}, folder_.Path("controller.log"));
  http_ = controller_->WaitHttp();
  EXPECT_TRUE(Until([&] { return IsUp("host1"); })) << LogOf("host1") << controller_->Output();
}

}  // namespace
}  // namespace drover::controller
