#include "tests/integration/controller/scripted_agent.h"

#include <ctime>

#include <chrono>

namespace drover::controller {
namespace {

constexpr double kLook = 0.05;

int64_t BootTime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

ScriptedAgent::ScriptedAgent(Options options) : options_(std::move(options)) {}

ScriptedAgent::~ScriptedAgent() { Disconnect(); }

void ScriptedAgent::Connect(int port) {
  Disconnect();
  stopping_ = false;
  thread_ = std::thread([this, port] {
    StreamClient stream(port);
    Run(stream);
  });
}

void ScriptedAgent::Disconnect() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::set<uint64_t> ScriptedAgent::Running() const {
  const std::lock_guard lock(mutex_);
  std::set<uint64_t> ids;
  for (const auto& [id, handle] : running_) {
    ids.insert(id);
  }
  return ids;
}

bool ScriptedAgent::WaitRunning(const std::function<bool(const std::set<uint64_t>&)>& done,
                                double seconds) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done(Running())) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void ScriptedAgent::Run(StreamClient& stream) {
  stream.Send(Hello());
  bool welcomed = false;
  while (!stopping_) {
    const auto message = stream.Next(kLook);
    if (message && message->has_welcome()) {
      welcomed = true;
      cluster_ = message->welcome().cluster_id();
    } else if (message && message->has_image_request()) {
      v1::AgentMessage answer;
      v1::ImageResult& image = *answer.mutable_image_result();
      image.set_request(message->image_request().request());
      image.set_image(message->image_request().image());
      image.set_present(true);
      image.set_image_id("sha256:" + std::string(64, 'a'));
      stream.Send(answer);
    } else if (message && message->has_assignment()) {
      Obey(message->assignment());
    }
    if (welcomed) {
      stream.Send(Report());
    }
  }
}

void ScriptedAgent::Obey(const v1::Assignment& assignment) {
  epoch_ = assignment.epoch();
  revision_ = assignment.revision();
  for (const v1::RunReplica& run : assignment.run()) {
    const bool fresh = Running().count(run.replica_id()) == 0;
    if (fresh && options_.start) {
      options_.start(run);
    }
    const std::lock_guard lock(mutex_);
    running_[run.replica_id()] = run.handle();
  }
  for (const v1::RemoveReplica& remove : assignment.remove()) {
    if (Running().count(remove.replica_id()) > 0 && options_.stop) {
      options_.stop(remove.replica_id());
    }
    const std::lock_guard lock(mutex_);
    running_.erase(remove.replica_id());
    removed_.insert(remove.replica_id());
  }
  for (const uint64_t id : assignment.forget()) {
    removed_.erase(id);
  }
}

v1::AgentMessage ScriptedAgent::Hello() const {
  v1::AgentMessage message = HelloOf(options_.node, cluster_);
  v1::Hello& hello = *message.mutable_hello();
  hello.set_advertise_address(options_.address);
  hello.set_port_first(options_.port_first);
  hello.set_port_last(options_.port_last);
  hello.set_highest_epoch(epoch_);
  hello.set_applied_epoch(epoch_);
  hello.set_applied_revision(revision_);
  hello.set_boottime_ns(BootTime());
  return message;
}

v1::AgentMessage ScriptedAgent::Report() {
  v1::AgentMessage message;
  v1::Report& report = *message.mutable_report();
  report.set_sequence(++reports_);
  report.set_boottime_ns(BootTime());
  report.set_applied_epoch(epoch_);
  report.set_applied_revision(revision_);
  report.set_full(true);
  const std::lock_guard lock(mutex_);
  for (const auto& [id, handle] : running_) {
    report.mutable_replicas()->add_handle(handle);
    report.mutable_replicas()->add_state(v1::READY);
    report.mutable_replicas()->add_cpu_milli(10);
    report.mutable_replicas()->add_memory_kib(1024);
    report.mutable_replicas()->add_busy(0);
    report.mutable_replicas()->add_backlog(0);
    report.mutable_replicas()->add_age_ms(0);
  }
  for (const uint64_t id : removed_) {
    report.add_removed(id);
  }
  return message;
}

}  // namespace drover::controller
