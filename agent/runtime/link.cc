#include "agent/runtime/link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/runtime/clock.h"
#include "agent/runtime/state_dir.h"
#include "common/prng.h"
#include "drover/v1/agent.grpc.pb.h"

namespace drover::agent {
namespace {

constexpr Duration kConnectLimit = absl::Seconds(5);
constexpr Duration kWelcomeLimit = absl::Seconds(10);
constexpr Duration kNewsGap = absl::Milliseconds(100);  // R4.4: at most 10 a second
constexpr size_t kQueueLimit = 256;

using Stream = grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>;

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address,
                                                           const std::optional<TlsFiles>& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.http2.bdp_probe", 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // no back-off inherited from an earlier attempt
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  if (!tls) {
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }
  grpc::SslCredentialsOptions options;
  for (auto [path, to] :
       {std::pair(&tls->ca, &options.pem_root_certs), std::pair(&tls->key, &options.pem_private_key),
        std::pair(&tls->cert, &options.pem_cert_chain)}) {
    absl::StatusOr<std::string> text = ReadWhole(*path);
    if (!text.ok()) {
      return absl::Status(text.status().code(), absl::StrCat("tls: ", text.status().message()));
    }
    *to = *std::move(text);
  }
  if (!tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(tls->server_name);
  }
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments);
}

std::chrono::system_clock::time_point In(Duration d) {
  return std::chrono::system_clock::now() + absl::ToChronoMilliseconds(d);
}

}  // namespace

class Link::Impl {
 public:
  explicit Impl(LinkOptions options) : options_(std::move(options)), prng_(std::random_device()()) {
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() { Stop(); }

  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      if (context_ != nullptr) {
        context_->TryCancel();
      }
    }
    wake_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  void Reconnect() {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) {
      context_->TryCancel();
    }
  }

  void ReportNow() {
    {
      std::lock_guard lock(mutex_);
      news_ = true;
    }
    wake_.notify_all();
  }

  bool Send(v1::AgentMessage message) {
    std::unique_lock lock(mutex_);
    uint64_t stream = stream_number_;
    wake_.wait(lock, [&] {
      return stop_ || !connected_ || stream_number_ != stream || queue_.size() < kQueueLimit;
    });
    if (stop_ || !connected_ || stream_number_ != stream) {
      return false;
    }
    queue_.push_back(std::move(message));
    lock.unlock();
    wake_.notify_all();
    return true;
  }

  bool TrySend(v1::AgentMessage message) {
    {
      std::lock_guard lock(mutex_);
      if (!connected_ || queue_.size() >= kQueueLimit) {
        return false;
      }
      queue_.push_back(std::move(message));
    }
    wake_.notify_all();
    return true;
  }

  Stats stats() const {
    std::lock_guard lock(mutex_);
    return {reports_, connects_, connected_};
  }

 private:
  struct Ended {
    std::string why;
    bool welcomed = false;
    std::optional<v1::Refuse> refused;
  };

  void Run() {
    Duration backoff = options_.retry_first;
    for (size_t attempt = 0;; ++attempt) {
      const std::string& address = options_.controllers[attempt % options_.controllers.size()];
      Ended ended = Serve(address);
      {
        std::lock_guard lock(mutex_);
        if (stop_) {
          return;
        }
      }
      options_.disconnected(absl::StrCat("controller ", address, ": ", ended.why));
      if (ended.welcomed) {
        backoff = options_.retry_first;
      }
      bool elsewhere = ended.refused && ended.refused->code() == v1::Refuse::NOT_LEADER;
      Duration wait = ended.refused && !elsewhere ? options_.refused_retry : backoff;
      wait = wait * (0.5 + prng_.Uniform());
      backoff = std::min(backoff * 2, options_.retry_max);
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, absl::ToChronoMilliseconds(wait), [this] { return stop_; })) {
        return;
      }
    }
  }

  // One stream from connecting to its end.
  Ended Serve(const std::string& address) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = MakeChannel(address, options_.tls);
    if (!channel.ok()) {
      return {std::string(channel.status().message()), false, {}};
    }
    if (!WaitForConnection(**channel)) {
      return {"cannot connect", false, {}};
    }
    auto stub = v1::AgentService::NewStub(*channel);
    grpc::ClientContext context;
    {
      std::lock_guard lock(mutex_);
      if (stop_) {
        return {"stopping", false, {}};
      }
      context_ = &context;
    }
    std::unique_ptr<Stream> stream = stub->Connect(&context);
    Ended ended = Talk(*stream, context);
    context.TryCancel();
    v1::ControllerMessage ignored;
    while (stream->Read(&ignored)) {
    }
    grpc::Status status = stream->Finish();
    {
      std::lock_guard lock(mutex_);
      context_ = nullptr;
    }
    if (ended.why.empty()) {
      ended.why = status.error_message().empty() ? "the stream ended" : status.error_message();
    }
    return ended;
  }

  // In slices, so that a stop need not wait for the whole limit.
  bool WaitForConnection(grpc::Channel& channel) {
    Instant end = Now() + kConnectLimit;
    while (Now() < end) {
      if (channel.WaitForConnected(In(absl::Milliseconds(200)))) {
        return true;
      }
      std::lock_guard lock(mutex_);
      if (stop_ || channel.GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
        return false;
      }
    }
    return false;
  }

  Ended Talk(Stream& stream, grpc::ClientContext& context) {
    v1::AgentMessage hello;
    *hello.mutable_hello() = options_.hello();
    if (!stream.Write(hello)) {
      return {};
    }
    {
      std::lock_guard lock(mutex_);
      answered_ = false;
    }
    // A peer that accepts and says nothing must not keep us from trying the next one.
    std::thread watchdog([&] {
      std::unique_lock lock(mutex_);
      if (!wake_.wait_for(lock, absl::ToChronoMilliseconds(kWelcomeLimit),
                          [this] { return stop_ || answered_; })) {
        context.TryCancel();
      }
    });
    v1::ControllerMessage first;
    bool got = stream.Read(&first);
    {
      std::lock_guard lock(mutex_);
      answered_ = true;
    }
    wake_.notify_all();
    watchdog.join();
    if (!got) {
      return {};
    }
    if (first.has_refuse()) {
      return {absl::StrCat("refused: ", first.refuse().message()), false, first.refuse()};
    }
    if (!first.has_welcome()) {
      return {"its first message is neither welcome nor refusal", false, {}};
    }
    options_.welcome(first.welcome());
    Duration interval = absl::Milliseconds(std::max(100u, first.welcome().report_interval_ms()));
    {
      std::lock_guard lock(mutex_);
      connected_ = true;
      ++connects_;
      ++stream_number_;
      queue_.clear();
    }
    std::thread writer([&] { WriteReports(stream, interval); });
    v1::ControllerMessage message;
    while (stream.Read(&message)) {
      options_.message(message);
    }
    {
      std::lock_guard lock(mutex_);
      connected_ = false;
    }
    wake_.notify_all();
    context.TryCancel();
    writer.join();
    return {"", true, {}};
  }

  void WriteReports(Stream& stream, Duration interval) {
    ReportPacker packer;
    v1::AgentMessage message;
    Instant last;  // none yet: the first goes at once
    Instant next = Now();
    bool first = true;
    std::unique_lock lock(mutex_);
    while (connected_ && !stop_) {
      Instant now = Now();
      bool regular = now >= next;
      bool news = news_ && now - last >= kNewsGap;
      if (queue_.empty() && !regular && !news) {
        Instant until = news_ ? std::min(next, last + kNewsGap) : next;
        auto wait = std::chrono::microseconds(absl::ToInt64Microseconds(until - now) + 100);
        // News that come within the gap end this wait too: the next one is only as long as the gap.
        const bool had_news = news_;
        wake_.wait_for(lock, wait,
                       [&] { return stop_ || !connected_ || !queue_.empty() || (news_ && !had_news); });
        continue;
      }
      bool is_report = regular || news;
      if (is_report) {
        news_ = false;
        last = now;
        if (regular) {
          // Agents that connected together spread over the interval from the second report on.
          next = now + (first ? interval * prng_.Uniform() : interval);
          first = false;
        }
        lock.unlock();
        *message.mutable_report() = packer.Pack(options_.collect(regular));
      } else {
        message = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        wake_.notify_all();
      }
      bool written = stream.Write(message);
      lock.lock();
      if (!written) {
        return;
      }
      reports_ += is_report ? 1 : 0;
    }
  }

  LinkOptions options_;
  Prng prng_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  bool connected_ = false;
  bool answered_ = false;
  bool news_ = false;
  uint64_t stream_number_ = 0;
  uint64_t reports_ = 0;
  uint64_t connects_ = 0;
  grpc::ClientContext* context_ = nullptr;
  std::deque<v1::AgentMessage> queue_;
  std::thread thread_;
};

Link::Link(LinkOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Link::~Link() = default;

void Link::Stop() { impl_->Stop(); }

void Link::Reconnect() { impl_->Reconnect(); }

void Link::ReportNow() { impl_->ReportNow(); }

bool Link::Send(v1::AgentMessage message) { return impl_->Send(std::move(message)); }

bool Link::TrySend(v1::AgentMessage message) { return impl_->TrySend(std::move(message)); }

Link::Stats Link::stats() const { return impl_->stats(); }

}  // namespace drover::agent
