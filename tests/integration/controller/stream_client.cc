#include "tests/integration/controller/stream_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "drover/v1/agent.grpc.pb.h"

namespace drover::controller {

class StreamClient::Impl {
 public:
  Impl(int port, const std::optional<Tls>& tls) {
    auto credentials = grpc::InsecureChannelCredentials();
    std::string address = "127.0.0.1:" + std::to_string(port);
    if (tls.has_value()) {
      credentials = grpc::SslCredentials({tls->ca, tls->key, tls->certificate});
      address = "localhost:" + std::to_string(port);
    }
    grpc::ChannelArguments arguments;
    // Every client is a host of its own.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    stub_ = v1::AgentService::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
    stream_ = stub_->Connect(&context_);
    reader_ = std::thread([this] { Read(); });
  }

  ~Impl() {
    context_.TryCancel();
    reader_.join();
    stream_->Finish();
  }

  void Send(const v1::AgentMessage& message) { stream_->Write(message); }

  std::optional<v1::ControllerMessage> Next(double seconds) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                      [this] { return !received_.empty() || ended_; });
    if (received_.empty()) {
      return std::nullopt;
    }
    v1::ControllerMessage message = std::move(received_.front());
    received_.pop_front();
    return message;
  }

 private:
  void Read() {
    v1::ControllerMessage message;
    while (stream_->Read(&message)) {
      const std::lock_guard lock(mutex_);
      received_.push_back(message);
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  grpc::ClientContext context_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::ControllerMessage> received_;
  bool ended_ = false;
  std::thread reader_;
};

StreamClient::StreamClient(int port, const std::optional<Tls>& tls)
    : impl_(std::make_unique<Impl>(port, tls)) {}

StreamClient::~StreamClient() = default;

void StreamClient::Send(const v1::AgentMessage& message) { impl_->Send(message); }

std::optional<v1::ControllerMessage> StreamClient::Next(double seconds) { return impl_->Next(seconds); }

v1::AgentMessage HelloOf(const std::string& node, const std::string& cluster) {
  v1::AgentMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_cluster_id(cluster);
  hello.set_node_id(node);
  hello.set_name("host-" + node);
  hello.set_boot_id("boot");
  hello.set_engine_id("engine-" + node);
  hello.set_protocol_min(1);
  hello.set_protocol_max(1);
  hello.mutable_capacity()->set_cpu_milli(4000);
  hello.mutable_capacity()->set_memory_bytes(int64_t{8} << 30);
  hello.set_advertise_address("127.0.0.1");
  hello.set_port_first(20000);
  hello.set_port_last(29999);
  hello.set_boottime_ns(1);
  return message;
}

}  // namespace drover::controller
