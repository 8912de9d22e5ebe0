#include "agent/runtime/sensors/external_probe.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/runtime/sensors/files.h"
#include "common/address.h"
#include "externalscaler/externalscaler.grpc.pb.h"

namespace drover::agent {
namespace {

namespace scaler = ::externalscaler;
using Stub = scaler::ExternalScaler::Stub;

scaler::ScaledObjectRef RefOf(const v1::Probe& probe) {
  scaler::ScaledObjectRef ref;
  ref.set_name(probe.queue().name());
  ref.set_namespace_(probe.stack());
  for (const auto& [key, value] : probe.queue().metadata()) {
    (*ref.mutable_scalermetadata())[key] = value;
  }
  return ref;
}

std::string AddressOf(const v1::Endpoint& endpoint) { return HostPort(endpoint.host(), endpoint.port()); }

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(const v1::QueueSpec& queue) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (queue.tls()) {
    grpc::SslCredentialsOptions options;
    if (!queue.ca_file().empty()) {
      const std::optional<std::string> roots = ReadFile(queue.ca_file());
      if (!roots) {
        return absl::NotFoundError(
            absl::StrCat("ca_file ", queue.ca_file(), ": cannot be read on this node"));
      }
      options.pem_root_certs = *roots;
    }
    credentials = grpc::SslCredentials(options);
    // The certificate is for the name that was written, also when the address was found by Drover (R4.3).
    arguments.SetSslTargetNameOverride(queue.url().substr(0, queue.url().rfind(':')));
  }
  return grpc::CreateCustomChannel(AddressOf(queue.endpoints(0)), credentials, arguments);
}

// The metric to ask for: the one that the queue names, else the only one there is.
absl::StatusOr<std::string> MetricOf(const v1::QueueSpec& queue, const scaler::GetMetricSpecResponse& specs) {
  std::vector<std::string> names;
  for (const scaler::MetricSpec& spec : specs.metricspecs()) {
    if (spec.metricname() == queue.query()) {
      return queue.query();
    }
    names.push_back(spec.metricname());
  }
  if (queue.query().empty() && names.size() == 1) {
    return names.front();
  }
  const std::string offered = names.empty() ? "none" : absl::StrJoin(names, ", ");
  return absl::NotFoundError(
      queue.query().empty()
          ? absl::StrCat("GetMetricSpec offers ", offered, names.empty() ? "" : "; write metric: NAME")
          : absl::StrCat("GetMetricSpec has no metric ", queue.query(), "; it offers ", offered));
}

absl::StatusOr<double> ValueOf(const scaler::GetMetricsResponse& response, const std::string& metric) {
  double sum = 0;
  bool any = false;
  for (const scaler::MetricValue& value : response.metricvalues()) {
    if (value.metricname() == metric || response.metricvalues_size() == 1) {
      any = true;
      sum +=
          value.metricvaluefloat() != 0 ? value.metricvaluefloat() : static_cast<double>(value.metricvalue());
    }
  }
  if (!any) {
    return absl::NotFoundError(absl::StrCat("GetMetrics gives no value of ", metric));
  }
  if (!std::isfinite(sum) || sum < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the value of ", metric, " is ", sum, "; a signal is 0 or more"));
  }
  return sum;
}

class ExternalSource : public QueueSource {
 public:
  explicit ExternalSource(Duration timeout) : timeout_(timeout) {}

  std::vector<QueueReading> Read(const std::vector<const v1::Probe*>& probes) override {
    std::vector<QueueReading> readings;
    for (const v1::Probe* probe : probes) {
      if (probe->queue().endpoints().empty()) {
        readings.push_back(UnknownReading(absl::StrCat("queue ", probe->queue().name(), ": no address")));
        continue;
      }
      absl::StatusOr<QueueReading> reading = ReadOne(*probe);
      readings.push_back(reading.ok() ? *std::move(reading)
                                      : UnknownReading(absl::StrCat(
                                            "external scaler ", AddressOf(probe->queue().endpoints(0)), ": ",
                                            std::string(reading.status().message()))));
    }
    return readings;
  }

  void Abort() override {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    if (running_ != nullptr) {
      running_->TryCancel();
    }
  }

 private:
  using Deadline = std::chrono::system_clock::time_point;

  absl::StatusOr<QueueReading> ReadOne(const v1::Probe& probe) {
    const v1::QueueSpec& queue = probe.queue();
    if (absl::Status opened = Open(queue); !opened.ok()) {
      return opened;
    }
    const Duration timeout = TimeoutOf(queue, timeout_);
    const Deadline end =
        std::chrono::system_clock::now() + std::chrono::microseconds(absl::ToInt64Microseconds(timeout));
    const scaler::ScaledObjectRef ref = RefOf(probe);
    scaler::IsActiveResponse active;
    scaler::GetMetricSpecResponse specs;
    scaler::GetMetricsResponse values;
    scaler::GetMetricsRequest request;
    *request.mutable_scaledobjectref() = ref;
    const auto call = [&](const char* name, auto method, const auto& question, auto* answer) {
      return Call(name, timeout, end, [&](grpc::ClientContext* context) {
        return (stub_.get()->*method)(context, question, answer);
      });
    };
    if (absl::Status status = call("IsActive", &Stub::IsActive, ref, &active); !status.ok()) {
      return status;
    }
    if (absl::Status status = call("GetMetricSpec", &Stub::GetMetricSpec, ref, &specs); !status.ok()) {
      return status;
    }
    const absl::StatusOr<std::string> metric = MetricOf(queue, specs);
    if (!metric.ok()) {
      return metric.status();
    }
    request.set_metricname(*metric);
    if (absl::Status status = call("GetMetrics", &Stub::GetMetrics, request, &values); !status.ok()) {
      return status;
    }
    const absl::StatusOr<double> value = ValueOf(values, *metric);
    if (!value.ok()) {
      return value.status();
    }
    QueueReading reading = KnownReading(*value);
    reading.active = active.result();
    return reading;
  }

  absl::Status Open(const v1::QueueSpec& queue) {
    std::string wanted = queue.SerializeAsString();
    if (stub_ != nullptr && made_for_ == wanted) {
      return absl::OkStatus();
    }
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Dial(queue);
    if (!channel.ok()) {
      return channel.status();
    }
    stub_ = scaler::ExternalScaler::NewStub(*channel);
    made_for_ = std::move(wanted);
    return absl::OkStatus();
  }

  template <typename Method>
  absl::Status Call(const char* name, Duration timeout, Deadline end, Method method) {
    grpc::ClientContext context;
    context.set_deadline(end);
    {
      const std::lock_guard lock(mutex_);
      if (aborted_) {
        return absl::CancelledError("the agent is stopping");
      }
      running_ = &context;
    }
    const grpc::Status status = method(&context);
    {
      const std::lock_guard lock(mutex_);
      running_ = nullptr;
    }
    switch (status.error_code()) {
      case grpc::StatusCode::OK:
        return absl::OkStatus();
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return absl::DeadlineExceededError(
            absl::StrCat(name, ": no answer within ", absl::FormatDuration(timeout)));
      case grpc::StatusCode::UNIMPLEMENTED:
        return absl::UnimplementedError(
            absl::StrCat(name, ": not served there; is this a KEDA external scaler?"));
      default:
        return absl::UnavailableError(absl::StrCat(name, ": ", status.error_message()));
    }
  }

  Duration timeout_;
  std::string made_for_;  // serialized QueueSpec
  std::unique_ptr<Stub> stub_;
  std::mutex mutex_;
  bool aborted_ = false;
  grpc::ClientContext* running_ = nullptr;
};

}  // namespace

std::unique_ptr<QueueSource> MakeExternalSource(Duration timeout) {
  return std::make_unique<ExternalSource>(timeout);
}

}  // namespace drover::agent
