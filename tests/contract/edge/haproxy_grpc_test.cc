// gRPC through HAProxy: one HTTP/2 connection of a client carries many streams.
#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "drover/v1/agent.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"

namespace drover::agent {
namespace {

class HaproxyGrpc : public EdgeFixture {
 protected:
  HaproxyGrpc() : EdgeFixture(HaproxyAdapter()) {}
};

// Echoes each message of a stream as a heartbeat with this server's number.
class StreamServer : public v1::AgentService::Service {
 public:
  explicit StreamServer(uint64_t number) : number_(number) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  ~StreamServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Connect(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::ControllerMessage, v1::AgentMessage>* stream) override {
    v1::AgentMessage in;
    while (stream->Read(&in)) {
      v1::ControllerMessage out;
      out.mutable_heartbeat()->set_epoch(number_);
      stream->Write(out);
    }
    return grpc::Status::OK;
  }

  EdgeBackend Backend(bool drain = false) const {
    return {.replica = ReplicaId(number_),
            .address = "127.0.0.1",
            .port = static_cast<uint32_t>(port_),
            .drain = drain};
  }

 private:
  uint64_t number_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// One stream of a client with a channel of its own.
class Stream {
 public:
  explicit Stream(v1::AgentService::Stub& stub) : stream_(stub.Connect(&context_)) {}

  // The server that echoed; 0: the stream is broken.
  uint64_t Ask() {
    v1::ControllerMessage answer;
    return stream_->Write(v1::AgentMessage()) && stream_->Read(&answer) ? answer.heartbeat().epoch() : 0;
  }

  bool End() {
    stream_->WritesDone();
    v1::ControllerMessage rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish().ok();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> stream_;
};

// A stream ends with its replica, the connection does not.
TEST_F(HaproxyGrpc, StreamsStayWithAReplicaThatLeavesAndNewOnesGoElsewhere) {
  StreamServer a(1);
  StreamServer b(2);
  set_.traffic.h2 = true;
  set_.traffic.drain_request = absl::Seconds(1);
  Apply({a.Backend()});
  const auto stub = v1::AgentService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port()), grpc::InsecureChannelCredentials()));
  Stream ends(*stub);
  Stream stays(*stub);
  EXPECT_EQ(ends.Ask(), 1u);
  EXPECT_EQ(stays.Ask(), 1u);
  EXPECT_TRUE(Await(ReplicaId(1), [](const EdgeServerState& s) { return s.in_flight == 2; }));
  Apply({b.Backend(), a.Backend(true)});
  Stream fresh(*stub);
  EXPECT_EQ(fresh.Ask(), 2u);
  EXPECT_EQ(ends.Ask(), 1u);
  EXPECT_TRUE(ends.End());
  EXPECT_EQ(stays.Ask(), 1u);
  EXPECT_TRUE(RoundsUntil([&] { return last_.sets.front().closed_total == 1; }));
  EXPECT_EQ(stays.Ask(), 0u);
  EXPECT_TRUE(Drained(ReplicaId(1)));
  EXPECT_EQ(fresh.Ask(), 2u);
  EXPECT_TRUE(fresh.End());
}

}  // namespace
}  // namespace drover::agent
