// A controller for tests: takes one agent's stream, keeps what comes, sends what it is told.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "drover/v1/agent.grpc.pb.h"

namespace drover::agent {

class FakeController : public v1::AgentService::Service {
 public:
  explicit FakeController(int port = 0,
                          std::chrono::milliseconds report_interval = std::chrono::milliseconds(200))
      : report_interval_(report_interval) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  ~FakeController() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  int port() const { return port_; }

  grpc::Status Connect(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::ControllerMessage, v1::AgentMessage>* stream) override {
    v1::AgentMessage message;
    if (!stream->Read(&message) || !message.has_hello()) {
      return grpc::Status(grpc::INVALID_ARGUMENT, "no hello");
    }
    v1::ControllerMessage welcome;
    welcome.mutable_welcome()->set_cluster_id("testcluster");
    welcome.mutable_welcome()->set_epoch(1);
    welcome.mutable_welcome()->set_protocol(1);
    welcome.mutable_welcome()->set_report_interval_ms(static_cast<uint32_t>(report_interval_.count()));
    stream->Write(welcome);
    {
      std::lock_guard lock(mutex_);
      hello_ = message.hello();
      stream_ = stream;
    }
    changed_.notify_all();
    while (stream->Read(&message)) {
      Take(message);
    }
    std::lock_guard lock(mutex_);
    stream_ = nullptr;
    return grpc::Status::OK;
  }

  // Waits for the first hello.
  std::optional<v1::Hello> WaitHello() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return hello_ && stream_ != nullptr; });
    return hello_;
  }

  void Send(const v1::ControllerMessage& message) {
    std::lock_guard lock(mutex_);
    if (stream_ != nullptr) {
      stream_->Write(message);
    }
  }

  // What is known of a replica from all reports so far.
  struct Row {
    v1::ReplicaState state = v1::REPLICA_STATE_UNSPECIFIED;
    v1::ReplicaDetail detail;
    bool cpu_known = false;
  };

  // Waits until `done` holds (looked at after every message); false after `limit`. Under the lock.
  bool WaitFor(const std::function<bool(const FakeController&)>& done,
               std::chrono::seconds limit = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return done(*this); });
  }

  bool WaitState(uint32_t handle, v1::ReplicaState state,
                 std::chrono::seconds limit = std::chrono::seconds(30)) {
    return WaitFor(
        [&](const FakeController& c) {
          auto it = c.rows.find(handle);
          return it != c.rows.end() && it->second.state == state;
        },
        limit);
  }

  // Filled in by reports; read them in WaitFor, or when no stream runs.
  std::map<uint32_t, Row> rows;
  std::map<uint64_t, v1::StopReport> stops;
  std::vector<v1::AgentEvent> events;
  std::vector<uint64_t> removed;
  uint64_t applied_revision = 0;
  uint64_t reports = 0;
  uint64_t full_reports = 0;
  std::chrono::steady_clock::duration longest_silence{};     // between two reports of one stream
  std::map<uint32_t, std::vector<v1::ReplicaState>> states;  // by handle: every change, in order
  std::map<uint64_t, std::string> output;                    // of requests
  std::map<uint64_t, v1::StreamChunk> ended;
  std::map<uint64_t, v1::ImageResult> images;

 private:
  void Take(const v1::AgentMessage& message) {
    {
      std::lock_guard lock(mutex_);
      if (message.has_report()) {
        TakeReport(message.report());
      } else if (message.has_chunk()) {
        output[message.chunk().request()] += message.chunk().data();
        if (message.chunk().end()) {
          ended[message.chunk().request()] = message.chunk();
        }
      } else if (message.has_image_result()) {
        images[message.image_result().request()] = message.image_result();
      }
    }
    changed_.notify_all();
  }

  void TakeReport(const v1::Report& report) {
    ++reports;
    full_reports += report.full() ? 1 : 0;
    auto now = std::chrono::steady_clock::now();
    if (report.sequence() > 1) {
      longest_silence = std::max(longest_silence, now - last_report_);
    }
    last_report_ = now;
    applied_revision = report.applied_revision();
    if (report.full()) {
      rows.clear();
    }
    const v1::ReplicaColumns& columns = report.replicas();
    for (int i = 0; i < columns.handle_size(); ++i) {
      Row& row = rows[columns.handle(i)];
      row.state = static_cast<v1::ReplicaState>(columns.state(i));
      std::vector<v1::ReplicaState>& seen = states[columns.handle(i)];
      if (seen.empty() || seen.back() != row.state) {
        seen.push_back(row.state);
      }
      const std::string& valid = columns.cpu_valid();
      size_t at = static_cast<size_t>(i);
      row.cpu_known = valid.empty() || (valid[at / 8] >> (at % 8) & 1) != 0;
    }
    for (const v1::ReplicaDetail& detail : columns.detail()) {
      rows[detail.handle()].detail = detail;
    }
    for (const v1::StopReport& stop : report.stops()) {
      stops[stop.replica_id()] = stop;
    }
    events.insert(events.end(), report.events().begin(), report.events().end());
    removed.assign(report.removed().begin(), report.removed().end());
  }

  const std::chrono::milliseconds report_interval_;
  std::chrono::steady_clock::time_point last_report_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<v1::Hello> hello_;
  grpc::ServerReaderWriter<v1::ControllerMessage, v1::AgentMessage>* stream_ = nullptr;
};

}  // namespace drover::agent
