// Streams of agents whose certificates come from the cluster's own authority: another node's, a revoked one,
// a renewed one. The test is the loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>

#include "absl/time/clock.h"
#include "controller/runtime/access/access.h"
#include "controller/runtime/agent_server.h"
#include "controller/runtime/loop.h"
#include "pki/certificates.h"
#include "tests/integration/controller/stream_client.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

constexpr char kNode[] = "00000000000000aa";
constexpr char kOther[] = "00000000000000bb";

class NodeCertificatesTest : public testing::Test {
 protected:
  void SetUp() override {
    AccessControl::Options options;
    options.state_dir = folder_.Path("state");
    std::filesystem::create_directories(options.state_dir);
    options.own_authority = true;
    access_ = *AccessControl::Open(std::move(options));
    AgentServer::Options server;
    server.listen = "127.0.0.1:0";
    server.tls = access_->certificate()->files();
    server.membership = access_->membership();
    server.audit = &access_->audit();
    server.post = [this](Event event, bool) {
      const std::lock_guard lock(mutex_);
      if (const auto* connected = std::get_if<NodeConnected>(&event)) {
        connected_.push_back(*connected);
        changed_.notify_all();
      }
    };
    server_ = AgentServer::Create(std::move(server));
    ASSERT_TRUE(server_->Listen().ok());
    access_->membership()->OnRevoked([this](const NodeId& node) { server_->Cut(node, "removed"); });
  }

  void TearDown() override { server_->Stop(); }

  // What a host has after it joined as `node`.
  StreamClient::Tls Join(const std::string& node) {
    const auto token = access_->tokens().Create(
        {.name = "", .role = Role::kNode, .stack = "", .uses = 1, .ttl = {}, .created_by = ""}, absl::Now());
    const std::string key = pki::MakeKey();
    std::string who;
    const auto certificate = access_->membership()->Join(
        {.token = token->text, .csr = *pki::MakeRequest(key, node), .node = NodeId(node)}, Now(), absl::Now(),
        who);
    EXPECT_TRUE(certificate.ok()) << certificate.status();
    return {.ca = access_->membership()->authority().certificate(), .certificate = *certificate, .key = key};
  }

  // Says Hello as `node` and is welcomed.
  void Welcomed(StreamClient& agent, const std::string& node) {
    agent.Send(HelloOf(node));
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [this] { return !connected_.empty(); }));
    const NodeConnected event = connected_.front();
    connected_.pop_front();
    lock.unlock();
    Welcome welcome;
    welcome.epoch = Epoch(1);
    server_->Send(Order{.node = event.node, .stream = event.stream, .body = welcome});
    const auto first = agent.Next();
    ASSERT_TRUE(first.has_value() && first->has_welcome());
  }

  void ExpectRefused(StreamClient& agent, const std::string& why) {
    const auto answer = agent.Next();
    ASSERT_TRUE(answer.has_value());
    ASSERT_TRUE(answer->has_refuse()) << answer->ShortDebugString();
    EXPECT_EQ(answer->refuse().code(), v1::Refuse::IDENTITY);
    EXPECT_THAT(answer->refuse().message(), HasSubstr(why));
    EXPECT_FALSE(agent.Next().has_value()) << "the stream ends";
  }

  AuditRecord LastAudit() const {
    const auto read = access_->audit().Read({.who = "", .limit = 1});
    return read.ok() && !read->empty() ? read->back() : AuditRecord();
  }

  Folder folder_;
  std::unique_ptr<AccessControl> access_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<NodeConnected> connected_;
  std::unique_ptr<AgentServer> server_;
};

TEST_F(NodeCertificatesTest, R1_7_AnotherNodesCertificateGetsNothingAndIsInTheAudit) {
  const StreamClient::Tls tls = Join(kOther);
  StreamClient agent(server_->port(), tls);
  agent.Send(HelloOf(kNode));
  ExpectRefused(agent, "is not for node 00000000000000aa");
  EXPECT_EQ(LastAudit().who, absl::StrCat("node ", kNode));
  EXPECT_THAT(LastAudit().outcome, testing::StartsWith("denied: "));
  EXPECT_THAT(LastAudit().from, HasSubstr("127.0.0.1"));
  EXPECT_TRUE(connected_.empty());
}

TEST_F(NodeCertificatesTest, ARemovedNodeIsCutAndGetsNothingAndIsInTheAudit) {
  const StreamClient::Tls tls = Join(kNode);
  StreamClient agent(server_->port(), tls);
  Welcomed(agent, kNode);
  ASSERT_TRUE(access_->membership()->Revoke(NodeId(kNode), absl::Now()).ok());
  ExpectRefused(agent, "removed");
  StreamClient again(server_->port(), tls);
  again.Send(HelloOf(kNode));
  ExpectRefused(again, "was removed from the cluster");
  EXPECT_THAT(LastAudit().outcome, HasSubstr("was removed from the cluster"));
  StreamClient joined(server_->port(), Join(kOther));
  Welcomed(joined, kOther);
}

TEST_F(NodeCertificatesTest, ACertificateIsRenewedOverTheStream) {
  const StreamClient::Tls tls = Join(kNode);
  StreamClient agent(server_->port(), tls);
  Welcomed(agent, kNode);
  const std::string key = pki::MakeKey();
  v1::AgentMessage request;
  request.mutable_certificate_request()->set_csr(*pki::MakeRequest(key, kNode));
  agent.Send(request);
  const auto answer = agent.Next();
  ASSERT_TRUE(answer.has_value() && answer->has_certificate());
  ASSERT_EQ(answer->certificate().error(), "");
  EXPECT_EQ(LastAudit().action, "renew");
  StreamClient next(server_->port(), StreamClient::Tls{.ca = answer->certificate().ca(),
                                                       .certificate = answer->certificate().certificate(),
                                                       .key = key});
  Welcomed(next, kNode);
  request.mutable_certificate_request()->set_csr(*pki::MakeRequest(key, kOther));
  next.Send(request);
  const auto denied = next.Next();
  ASSERT_TRUE(denied.has_value() && denied->has_certificate());
  EXPECT_THAT(denied->certificate().error(), HasSubstr("names \"00000000000000bb\""));
}

TEST_F(NodeCertificatesTest, AControllersCertificateIsNotAClientsNorANodesAServers) {
  std::ifstream file(access_->certificate()->files().certificate);
  const std::string own{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  StreamClient agent(
      server_->port(),
      StreamClient::Tls{
          .ca = access_->membership()->authority().certificate(), .certificate = own, .key = own});
  agent.Send(HelloOf(kNode));
  EXPECT_FALSE(agent.Next().has_value());
}

TEST_F(NodeCertificatesTest, AnotherClustersNodeGetsNothing) {
  const pki::Identity foreign = *pki::MakeAuthority("foreign", absl::Now() - absl::Hours(1), absl::Hours(24));
  const std::string key = pki::MakeKey();
  const std::string certificate = *pki::Issue(foreign, *pki::MakeRequest(key, kNode),
                                              {.common_name = kNode,
                                               .names = {},
                                               .uri = "",
                                               .server = false,
                                               .not_before = absl::Now() - absl::Hours(1),
                                               .not_after = absl::Now() + absl::Hours(1)});
  for (const auto& [shown, secret] : {std::pair{certificate, key}, {std::string(), std::string()}}) {
    StreamClient agent(
        server_->port(),
        StreamClient::Tls{
            .ca = access_->membership()->authority().certificate(), .certificate = shown, .key = secret});
    agent.Send(HelloOf(kNode));
    EXPECT_FALSE(agent.Next().has_value());
  }
}

}  // namespace
}  // namespace drover::controller
