// The contract of KEDA's external scalers, against a scaler in the test.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "externalscaler/externalscaler.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/agent/sensors/probe_support.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

class Scaler : public externalscaler::ExternalScaler::Service {
 public:
  grpc::Status IsActive(grpc::ServerContext*, const externalscaler::ScaledObjectRef* ref,
                        externalscaler::IsActiveResponse* response) override {
    const std::lock_guard lock(mutex_);
    asked_ = *ref;
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    response->set_result(active);
    return refuse ? grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "who are you?") : grpc::Status::OK;
  }

  grpc::Status GetMetricSpec(grpc::ServerContext*, const externalscaler::ScaledObjectRef*,
                             externalscaler::GetMetricSpecResponse* response) override {
    for (const char* name : {"depth", "age"}) {
      response->add_metricspecs()->set_metricname(name);
    }
    return grpc::Status::OK;
  }

  grpc::Status GetMetrics(grpc::ServerContext*, const externalscaler::GetMetricsRequest* request,
                          externalscaler::GetMetricsResponse* response) override {
    externalscaler::MetricValue* value = response->add_metricvalues();
    value->set_metricname(request->metricname());
    if (request->metricname() == "depth") {
      value->set_metricvalue(depth);
    } else {
      value->set_metricvaluefloat(2.5);
    }
    return grpc::Status::OK;
  }

  externalscaler::ScaledObjectRef asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  std::atomic<bool> active = true;
  std::atomic<bool> refuse = false;
  std::atomic<int> depth = 12;
  std::atomic<int> delay_ms = 0;

 private:
  std::mutex mutex_;
  externalscaler::ScaledObjectRef asked_;
};

std::unique_ptr<grpc::Server> Serve(grpc::Service* service, int* port) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", *port), grpc::InsecureServerCredentials(), port);
  builder.RegisterService(service);
  return builder.BuildAndStart();
}

v1::Probe External(uint32_t handle, int port, const std::string& metric) {
  v1::Probe probe = ProbeOf(handle, v1::QueueSpec::EXTERNAL, static_cast<uint32_t>(port));
  probe.mutable_queue()->set_url(absl::StrCat("127.0.0.1:", port));
  probe.mutable_queue()->set_query(metric);
  (*probe.mutable_queue()->mutable_metadata())["tenant"] = "blue";
  return probe;
}

TEST(ExternalProbeTest, ValuesAndActivityAsKedaAsksForThem) {
  Scaler scaler;
  int port = 0;
  const std::unique_ptr<grpc::Server> server = Serve(&scaler, &port);
  ASSERT_NE(server, nullptr);
  Prober prober({});
  prober.SetProbes({External(1, port, "depth"), External(2, port, "age"), External(3, port, ""),
                    External(4, port, "deph")});
  ASSERT_TRUE(
      Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 12 && s.active(); }));
  EXPECT_TRUE(Await(prober, 2, [](const v1::QueueSample& s) { return s.known() && s.ready() == 2.5; }));
  EXPECT_THAT(Await(prober, 3, Unknown)->error(),
              HasSubstr("GetMetricSpec offers depth, age; write metric: NAME"));
  EXPECT_THAT(Await(prober, 4, Unknown)->error(), HasSubstr("no metric deph; it offers depth, age"));
  EXPECT_EQ(scaler.asked().name(), "jobs");
  EXPECT_EQ(scaler.asked().namespace_(), "shop");
  EXPECT_EQ(scaler.asked().scalermetadata().at("tenant"), "blue");
  scaler.active = false;
  EXPECT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.has_active() && !s.active(); }));
}

TEST(ExternalProbeTest, ARefusalAndASlowScalerAreUnknownInItsWords) {
  Scaler scaler;
  int port = 0;
  const std::unique_ptr<grpc::Server> server = Serve(&scaler, &port);
  Prober prober({.notify = {}, .timeout = absl::Milliseconds(300)});
  scaler.refuse = true;
  prober.SetProbes({External(1, port, "depth")});
  EXPECT_THAT(Await(prober, 1, Unknown)->error(),
              HasSubstr(absl::StrCat("external scaler 127.0.0.1:", port, ": IsActive: who are you?")));
  scaler.refuse = false;
  EXPECT_TRUE(Await(prober, 1, Known));
  scaler.delay_ms = 1000;
  EXPECT_THAT(Await(prober, 1, Unknown)->error(), HasSubstr("IsActive: no answer within 300ms"));
  scaler.delay_ms = 0;
}

TEST(ExternalProbeTest, AScalerThatComesLateIsFound) {
  int port = static_cast<int>(FreePort());
  Prober prober({});
  prober.SetProbes({External(1, port, "depth")});
  ASSERT_TRUE(Await(prober, 1, Unknown));
  Scaler scaler;
  const std::unique_ptr<grpc::Server> server = Serve(&scaler, &port);
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(Await(prober, 1, Known));
}

TEST(ExternalProbeTest, AServerOfAnotherKindSaysSo) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  externalscaler::ExternalScaler::Service nothing;  // every call: unimplemented
  builder.RegisterService(&nothing);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  Prober prober({});
  prober.SetProbes({External(1, port, "depth")});
  EXPECT_THAT(Await(prober, 1, Unknown)->error(), HasSubstr("is this a KEDA external scaler?"));
}

}  // namespace
}  // namespace drover::agent
