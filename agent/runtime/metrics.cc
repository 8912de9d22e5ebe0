#include "agent/runtime/metrics.h"

#include <httplib.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/config/config.h"
#include "common/status.h"

namespace drover::agent {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                                          2.5,  5,     10,   30,  60,   300};

const char* WordOf(Action::Kind kind) {
  static const char* const kWords[] = {"pull", "create", "start", "stop", "remove", "inspect"};
  return kWords[static_cast<int>(kind)];
}

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(std::function<Now()> read)
      : read_(std::move(read)),
        actions_(prometheus::BuildCounter()
                     .Name("drover_agent_actions_total")
                     .Help("Steps on the Docker Engine, by kind and result.")
                     .Register(registry_)),
        seconds_(prometheus::BuildHistogram()
                     .Name("drover_agent_action_seconds")
                     .Help("Duration of these steps; of a stop: from the signal to the exit.")
                     .Register(registry_)),
        replicas_(prometheus::BuildGauge()
                      .Name("drover_agent_replicas")
                      .Help("Replicas of this node, by state.")
                      .Register(registry_)),
        connected_(Gauge("drover_agent_controller_connected", "1 while the stream to a controller is up.")),
        reachable_(Gauge("drover_agent_engine_reachable", "1 while the Docker Engine answers.")),
        errors_(Counter("drover_agent_engine_errors_total", "Calls to the Docker Engine that failed.")),
        reports_(Counter("drover_agent_reports_total", "Reports sent.")),
        connects_(Counter("drover_agent_connects_total", "Streams that a controller welcomed.")) {}

  ~Impl() {
    server_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  void CountAction(Action::Kind kind, bool ok, Duration took) {
    actions_.Add({{"action", WordOf(kind)}, {"result", ok ? "ok" : "error"}}).Increment();
    seconds_.Add({{"action", WordOf(kind)}}, kSeconds).Observe(absl::ToDoubleSeconds(took));
  }

  absl::Status Listen(const std::string& address) {
    ASSIGN_OR_RETURN(auto split, SplitAddress(address));
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(Text(), "text/plain; version=0.0.4");
    });
    server_.new_task_queue = [] { return new httplib::ThreadPool(2); };
    if (!server_.bind_to_port(split.first, static_cast<int>(split.second))) {
      return absl::UnavailableError(
          absl::StrCat("metrics.listen ", address,
                       ": cannot listen there; is the port in use? Write another one, or off"));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return absl::OkStatus();
  }

  std::string Text() {
    std::lock_guard lock(mutex_);
    Now now = read_();
    for (ReplicaState state : kAllReplicaStates) {
      auto it = now.replicas.find(state);
      replicas_.Add({{"state", std::string(ToString(state))}}).Set(it == now.replicas.end() ? 0 : it->second);
    }
    connected_.Set(now.connected);
    reachable_.Set(now.engine_reachable);
    Raise(errors_, now.engine_errors);
    Raise(reports_, now.reports);
    Raise(connects_, now.connects);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_.Collect());
    return out.str();
  }

 private:
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
  }

  prometheus::Counter& Counter(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({});
  }

  static void Raise(prometheus::Counter& counter, uint64_t to) {
    counter.Increment(static_cast<double>(to) - counter.Value());
  }

  std::function<Now()> read_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& actions_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Gauge>& replicas_;
  prometheus::Gauge& connected_;
  prometheus::Gauge& reachable_;
  prometheus::Counter& errors_;
  prometheus::Counter& reports_;
  prometheus::Counter& connects_;
  std::mutex mutex_;
  httplib::Server server_;
  std::thread thread_;
};

Metrics::Metrics(std::function<Now()> read) : impl_(std::make_unique<Impl>(std::move(read))) {}

Metrics::~Metrics() = default;

void Metrics::CountAction(Action::Kind kind, bool ok, Duration took) { impl_->CountAction(kind, ok, took); }

absl::Status Metrics::Listen(const std::string& address) { return impl_->Listen(address); }

std::string Metrics::Text() const { return impl_->Text(); }

}  // namespace drover::agent
