// The server for agents alone: the test is its loop, its agents are StreamClients.
#include "controller/runtime/agent_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include "controller/runtime/convert.h"
#include "controller/runtime/loop.h"
#include "drover/v1/cluster.pb.h"
#include "tests/integration/controller/stream_client.h"

namespace drover::controller {
namespace {

constexpr const char* kNode = "00000000000000aa";

int ConnectTo(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << strerror(errno);
  return fd;
}

class AgentServerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(AgentServer::Options().admission); }

  void Start(AdmissionRate admission) {
    AgentServer::Options options;
    options.listen = "127.0.0.1:0";
    options.admission = admission;
    options.heartbeat_interval = absl::Milliseconds(50);
    options.secrets = &secrets_;
    options.post = [this](Event event, bool /*quiet*/) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    };
    server_ = AgentServer::Create(std::move(options));
    ASSERT_TRUE(server_->Listen().ok());
  }

  // The next event of type T; others are dropped.
  template <typename T>
  T Next() {
    std::unique_lock lock(mutex_);
    while (true) {
      if (!changed_.wait_for(lock, std::chrono::seconds(20), [this] { return !events_.empty(); })) {
        ADD_FAILURE() << "no event came";
        return T();
      }
      const Event event = std::move(events_.front());
      events_.pop_front();
      if (std::holds_alternative<T>(event)) {
        return std::get<T>(event);
      }
    }
  }

  // Says Hello and is welcomed; the number of the stream.
  StreamId Join(StreamClient& agent) {
    agent.Send(HelloOf(kNode));
    const auto connected = Next<NodeConnected>();
    Welcome welcome;
    welcome.epoch = Epoch(7);
    server_->Send(Order{.node = connected.node, .stream = connected.stream, .body = welcome});
    const auto first = agent.Next();
    EXPECT_TRUE(first.has_value() && first->has_welcome());
    return connected.stream;
  }

  void SendAssignment(StreamId stream, const v1::ServiceContext& context) {
    Assignment assignment;
    assignment.revision = Revision(1);
    assignment.contexts.push_back({.service = {"shop", "web"},
                                   .spec_hash = "h",
                                   .stack_revision = 1,
                                   .context = context.SerializeAsString()});
    server_->Send(Order{.node = NodeId(kNode), .stream = stream, .body = std::move(assignment)});
  }

  SecretContents secrets_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::unique_ptr<AgentServer> server_;
};

TEST_F(AgentServerTest, ReportsBecomeEventsOfTheirStream) {
  StreamClient agent(server_->port());
  const StreamId stream = Join(agent);
  v1::AgentMessage message;
  message.mutable_report()->set_applied_revision(4);
  agent.Send(message);
  const auto report = Next<NodeReport>();
  EXPECT_EQ(report.stream, stream);
  EXPECT_EQ(report.node, NodeId(kNode));
  EXPECT_EQ(report.applied_revision, Revision(4));
  EXPECT_EQ(server_->connected(), 1U);
}

TEST(AdmissionRateTest, SavesUpForABurstAndNoMore) {
  constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000'000);
  AdmissionRate rate(/*per_second=*/10, /*burst=*/3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rate.Admit(kStart), absl::ZeroDuration());
  }
  EXPECT_EQ(rate.Admit(kStart), absl::Milliseconds(100));
  EXPECT_EQ(rate.Admit(kStart + absl::Milliseconds(60)), absl::Milliseconds(40));
  EXPECT_EQ(rate.Admit(kStart + absl::Milliseconds(100)), absl::ZeroDuration());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rate.Admit(kStart + absl::Hours(1)), absl::ZeroDuration());
  }
  EXPECT_GT(rate.Admit(kStart + absl::Hours(1)), absl::ZeroDuration());
}

TEST_F(AgentServerTest, R13_ManyConnectionsAtOnceComeInAtABoundedRate) {
  constexpr double kPerSecond = 40;
  constexpr double kBurst = 5;
  constexpr size_t kConnections = 60;
  Start(AdmissionRate(kPerSecond, kBurst));
  StreamClient there(server_->port());
  Join(there);
  const Instant start = Now();
  std::vector<pollfd> waiting;
  for (size_t i = 0; i < kConnections; ++i) {
    waiting.push_back({.fd = ConnectTo(server_->port()), .events = POLLIN, .revents = 0});
  }
  while (!waiting.empty()) {
    ASSERT_GT(poll(waiting.data(), waiting.size(), 20000), 0) << waiting.size() << " were not let in";
    const double elapsed_s = absl::ToDoubleSeconds(Now() - start);
    // gRPC greets whom it has.
    std::erase_if(waiting, [](const pollfd& connection) {
      return connection.revents != 0 && close(connection.fd) == 0;
    });
    EXPECT_LE(static_cast<double>(kConnections - waiting.size()), kBurst + kPerSecond * elapsed_s);
  }
  v1::AgentMessage message;
  message.mutable_report()->set_applied_revision(4);
  there.Send(message);
  EXPECT_EQ(Next<NodeReport>().applied_revision, Revision(4));
}

TEST_F(AgentServerTest, EndOfTheStreamIsAnEvent) {
  StreamId stream;
  {
    StreamClient agent(server_->port());
    stream = Join(agent);
  }
  EXPECT_EQ(Next<NodeDisconnected>().stream, stream);
  EXPECT_EQ(server_->connected(), 0U);
}

TEST_F(AgentServerTest, NewStreamOfANodeClosesTheOlderOne) {
  StreamClient older(server_->port());
  Join(older);
  StreamClient newer(server_->port());
  Join(newer);
  EXPECT_FALSE(older.Next().has_value());
  EXPECT_EQ(server_->ConnectedNodes().size(), 1U);
}

TEST_F(AgentServerTest, R7_2_NodesWithSingletonsGetHeartbeats) {
  StreamClient agent(server_->port());
  const StreamId stream = Join(agent);
  v1::ServiceContext context;
  context.set_singleton(true);
  SendAssignment(stream, context);
  ASSERT_TRUE(agent.Next()->has_assignment());
  for (int i = 0; i < 3; ++i) {
    const auto message = agent.Next();
    ASSERT_TRUE(message.has_value() && message->has_heartbeat());
    EXPECT_EQ(message->heartbeat().epoch(), 7U);
  }
}

TEST_F(AgentServerTest, R1_6_SecretsGoBesideTheAssignmentAndBeforeIt) {
  v1::StackSpec spec;
  v1::FileSpec& file = *spec.add_files();
  file.set_name("secret/db");
  file.set_secret(true);
  file.set_content("hunter2");
  file.set_sha256(Sha256Hex("hunter2"));
  StackRecord record;
  record.name = "shop";
  record.spec.source = spec.SerializeAsString();
  secrets_.Learn(record);

  StreamClient agent(server_->port());
  const StreamId stream = Join(agent);
  v1::ServiceContext context;
  v1::FileDigest& digest = *context.add_files();
  digest.set_name("secret/db");
  digest.set_secret(true);
  digest.set_sha256(Sha256Hex("hunter2"));
  SendAssignment(stream, context);
  const auto first = agent.Next();
  ASSERT_TRUE(first.has_value() && first->has_files());
  EXPECT_EQ(first->files().files(0).content(), "hunter2");
  const auto second = agent.Next();
  ASSERT_TRUE(second.has_value() && second->has_assignment());
  EXPECT_EQ(second->assignment().services(0).files(0).content(), "");
}

TEST_F(AgentServerTest, ImagesAreResolvedByTheNodesThatAnswer) {
  StreamClient agent(server_->port());
  Join(agent);
  auto images = std::async(std::launch::async, [this] {
    return server_->ResolveImage("web:1", {NodeId(kNode), NodeId("00000000000000bb")}, true,
                                 absl::Seconds(20));
  });
  const auto request = agent.Next();
  ASSERT_TRUE(request.has_value() && request->has_image_request());
  EXPECT_TRUE(request->image_request().pull());
  v1::AgentMessage answer;
  answer.mutable_image_result()->set_request(request->image_request().request());
  answer.mutable_image_result()->set_image_id("sha256:1");
  agent.Send(answer);
  const auto infos = images.get();
  ASSERT_EQ(infos.size(), 1U);
  EXPECT_EQ(infos[0].image_id, "sha256:1");
}

TEST_F(AgentServerTest, LogIsStreamedAndCancelledWhenItsReaderGoes) {
  StreamClient agent(server_->port());
  Join(agent);
  auto log = server_->OpenLog(NodeId(kNode), {.replica = ReplicaId(5), .follow = true});
  ASSERT_TRUE(log.ok());
  const auto request = agent.Next();
  ASSERT_TRUE(request.has_value() && request->has_log_request());
  EXPECT_TRUE(request->log_request().follow());
  v1::AgentMessage chunk;
  chunk.mutable_chunk()->set_request(request->log_request().request());
  chunk.mutable_chunk()->set_data("line\n");
  agent.Send(chunk);
  EXPECT_EQ((*log)->Next(absl::Seconds(20))->data, "line\n");
  log->reset();
  const auto cancel = agent.Next();
  ASSERT_TRUE(cancel.has_value() && cancel->has_cancel());
  EXPECT_EQ(cancel->cancel().request(), request->log_request().request());
}

TEST_F(AgentServerTest, RequestToANodeThatIsNotConnectedIsUnavailable) {
  const auto exec = server_->Exec(NodeId(kNode), {});
  EXPECT_EQ(exec.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace drover::controller
