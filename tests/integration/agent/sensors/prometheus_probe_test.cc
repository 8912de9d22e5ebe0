// Queries against a real Prometheus that scrapes an exporter in the test.
#include <httplib.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/agent/sensors/probe_support.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PrometheusProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (system("command -v prometheus >/dev/null") != 0) {
      DROVER_MISSING("prometheus is not installed");
    }
    exporter_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(
          absl::StrCat("jobs_waiting{queue=\"mail\"} ", mail_.load(), "\njobs_waiting{queue=\"thumbs\"} 4\n"),
          "text/plain");
    });
    const int exporter = exporter_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { exporter_.listen_after_bind(); });
    port_ = FreePort();
    const std::string config = files_.Write(
        "prometheus.yml", absl::StrCat("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
                                       "scrape_configs:\n- job_name: jobs\n  static_configs:\n  - targets: "
                                       "[\"127.0.0.1:",
                                       exporter, "\"]\n"));
    prometheus_ = std::make_unique<ChildProcess>(std::vector<std::string>{
        "prometheus", "--config.file=" + config, "--storage.tsdb.path=" + files_.path() + "/data",
        absl::StrCat("--web.listen-address=127.0.0.1:", port_), "--web.route-prefix=/prom"});
    ASSERT_TRUE(prometheus_->started());
  }

  void TearDown() override {
    prometheus_.reset();
    exporter_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  v1::Probe Query(uint32_t handle, const std::string& query) const {
    v1::Probe probe = ProbeOf(handle, v1::QueueSpec::PROMETHEUS, port_);
    probe.mutable_queue()->set_url(absl::StrCat("http://127.0.0.1:", port_, "/prom/"));
    probe.mutable_queue()->set_query(query);
    probe.mutable_queue()->mutable_timeout()->set_seconds(2);
    return probe;
  }

  // Prometheus takes its time to start and to scrape.
  static std::optional<v1::QueueSample> AwaitLong(const Prober& prober, uint32_t handle,
                                                  const std::function<bool(const v1::QueueSample&)>& good) {
    std::optional<v1::QueueSample> sample;
    for (int i = 0; i < 10 && !sample; ++i) {
      sample = Await(prober, handle, good);
    }
    return sample;
  }

  std::atomic<int> mail_ = 3;
  httplib::Server exporter_;
  std::thread thread_;
  ScratchDirectory files_;
  std::unique_ptr<ChildProcess> prometheus_;
  uint32_t port_ = 0;
};

TEST_F(PrometheusProbeTest, OneNumberIsKnownAndEverythingElseIsNot) {
  Prober prober({});
  prober.SetProbes({Query(1, "sum(jobs_waiting)"), Query(2, "scalar(jobs_waiting{queue=\"thumbs\"})"),
                    Query(3, "jobs_waiting"), Query(4, "jobs_waiting{queue=\"typo\"}"),
                    Query(5, "sum(jobs_waiting) / 0"), Query(6, "sum(jobs_waiting"),
                    Query(7, "jobs_waiting[1m]"), Query(8, "scalar(jobs_waiting{queue=\"typo\"})"),
                    Query(9, "sum(jobs_waiting{queue=\"typo\"}) or vector(0)")});
  const auto value = [](double expected) {
    return [expected](const v1::QueueSample& s) { return s.known() && s.ready() == expected; };
  };
  ASSERT_TRUE(AwaitLong(prober, 1, value(7)));
  EXPECT_TRUE(AwaitLong(prober, 2, value(4)));
  EXPECT_TRUE(AwaitLong(prober, 9, value(0)));
  const auto error = [&](uint32_t handle, const std::string& text) {
    const auto sample = AwaitLong(
        prober, handle, [&](const v1::QueueSample& s) { return s.error().find(text) != std::string::npos; });
    return sample ? sample->error() : "not in time: " + text;
  };
  EXPECT_THAT(error(3, "2 series"), AllOf(HasSubstr("mail"), HasSubstr("write sum(…)")));
  EXPECT_THAT(error(4, "finds no series"), HasSubstr("unknown and not 0"));
  EXPECT_THAT(error(5, "+Inf"), HasSubstr("says nothing"));
  EXPECT_THAT(error(6, "HTTP 400"), HasSubstr("bad_data: "));
  EXPECT_THAT(error(7, "matrix"), HasSubstr("gives a number now"));
  EXPECT_THAT(error(8, "NaN"), HasSubstr("says nothing"));
  mail_ = 10;
  EXPECT_TRUE(AwaitLong(prober, 1, value(14)));
  prometheus_.reset();
  EXPECT_THAT(error(1, "connection refused"), HasSubstr(absl::StrCat("prometheus 127.0.0.1:", port_)));
}

}  // namespace
}  // namespace drover::agent
