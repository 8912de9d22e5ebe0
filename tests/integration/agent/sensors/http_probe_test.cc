// Numbers over HTTP, from a server in the test: what is known, and what each failure says.
#include <httplib.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/agent/sensors/probe_support.h"

namespace drover::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Serves on a free port while it lives.
class TestServer {
 public:
  explicit TestServer(std::unique_ptr<httplib::Server> server = std::make_unique<httplib::Server>())
      : server_(std::move(server)), port_(static_cast<uint32_t>(server_->bind_to_any_port("127.0.0.1"))) {}

  ~TestServer() {
    server_->stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  httplib::Server* operator->() { return server_.get(); }

  void Start() {
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) {
      std::this_thread::yield();
    }
  }

  uint32_t port() const { return port_; }

 private:
  std::unique_ptr<httplib::Server> server_;
  uint32_t port_;
  std::thread thread_;
};

v1::Probe Json(uint32_t handle, uint32_t port, const std::string& target, const std::string& path) {
  v1::Probe probe = ProbeOf(handle, v1::QueueSpec::HTTP_JSON, port);
  probe.mutable_queue()->set_url(absl::StrCat("http://127.0.0.1:", port, target));
  probe.mutable_queue()->set_query(path);
  return probe;
}

std::string ErrorOf(const Prober& prober, uint32_t handle) {
  const std::optional<v1::QueueSample> sample = Await(prober, handle, Unknown);
  return sample ? sample->error() : "known";
}

TEST(HttpProbeTest, ANumberByItsPlace) {
  TestServer server;
  std::atomic<int> depth = 3;
  server->Get("/stats", [&](const httplib::Request& request, httplib::Response& response) {
    response.set_content(
        nlohmann::json{{"q", {{"d", depth.load()}}}, {"shop", request.get_param_value("s")}}.dump(),
        "application/json");
  });
  server.Start();
  std::atomic<int> news = 0;
  Prober prober({.notify = [&] { ++news; }});
  prober.SetProbes(
      {Json(1, server.port(), "/stats", "/q/d"), Json(2, server.port(), "/stats?s=1%2B1", "shop")});
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 3; }));
  EXPECT_THAT(ErrorOf(prober, 2), HasSubstr("json path shop is \"1+1\", no number"));
  const int before = news;
  depth = 0;
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 0; }));
  depth = 7;
  ASSERT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.ready() == 7; }));
  EXPECT_GT(news, before);  // empty → work (R4.4)
}

TEST(HttpProbeTest, CredentialsComeFromFilesAndStayOutOfErrors) {
  TestServer server;
  server->Get("/", [](const httplib::Request& request, httplib::Response& response) {
    const std::string given = request.get_header_value("Authorization");
    const bool right = given == "Bearer s3cret" || given == "Basic Ym9iOnMzY3JldA==";  // bob:s3cret
    response.status = right ? 200 : 401;
    response.set_content(right ? "4" : "no", "application/json");
  });
  server.Start();
  const ScratchDirectory files;
  const std::string token = files.Write("token", "wr0ng\n");
  v1::Probe bearer = Json(1, server.port(), "/", "");
  bearer.mutable_queue()->set_bearer_token_file(token);
  v1::Probe basic = Json(2, server.port(), "", "");
  basic.mutable_queue()->set_username("bob");
  basic.mutable_queue()->set_password_file(files.Write("password", "s3cret\n"));
  v1::Probe away = Json(3, server.port(), "/", "");
  away.mutable_queue()->set_bearer_token_file(files.path() + "/none");
  Prober prober({});
  prober.SetProbes({bearer, basic, away, Json(4, server.port(), "/", "")});
  EXPECT_TRUE(Await(prober, 2, [](const v1::QueueSample& s) { return s.known() && s.ready() == 4; }));
  EXPECT_THAT(ErrorOf(prober, 1),
              AllOf(HasSubstr("HTTP 401"), HasSubstr("credentials"), Not(HasSubstr("wr0ng"))));
  EXPECT_THAT(ErrorOf(prober, 3), HasSubstr("none: cannot be read; put the file on this node"));
  EXPECT_THAT(ErrorOf(prober, 4), HasSubstr("HTTP 401; write bearer_token_file"));
  files.Write("token", "s3cret\n");
  EXPECT_TRUE(Await(prober, 1, Known));  // read anew, without a restart
}

TEST(HttpProbeTest, EveryFailureSaysWhatToDo) {
  TestServer server;
  server->Get("/moved", [](const httplib::Request&, httplib::Response& r) { r.set_redirect("/there"); });
  server->Get("/text",
              [](const httplib::Request&, httplib::Response& r) { r.set_content("hello", "text/plain"); });
  server->Get("/below",
              [](const httplib::Request&, httplib::Response& r) { r.set_content("-1", "application/json"); });
  server->Get("/large", [](const httplib::Request&, httplib::Response& r) {
    r.set_content(std::string(2 << 20, ' '), "application/json");
  });
  server.Start();
  Prober prober({});
  prober.SetProbes({Json(1, server.port(), "/moved", "/d"), Json(2, server.port(), "/text", "/d"),
                    Json(3, server.port(), "/below", ""), Json(4, server.port(), "/large", ""),
                    Json(5, server.port(), "/none", "/d"), Json(6, FreePort(), "/", "/d")});
  EXPECT_THAT(ErrorOf(prober, 1), HasSubstr("HTTP 302 to /there, redirects are not followed"));
  EXPECT_THAT(ErrorOf(prober, 2), HasSubstr("the answer is no JSON"));
  EXPECT_THAT(ErrorOf(prober, 3), HasSubstr("below 0"));
  EXPECT_THAT(ErrorOf(prober, 4), HasSubstr("larger than 1048576 bytes"));
  EXPECT_THAT(ErrorOf(prober, 5), HasSubstr("HTTP 404"));
  EXPECT_THAT(ErrorOf(prober, 6), HasSubstr("connection refused"));
}

TEST(HttpProbeTest, R3_8_OneThatHangsDelaysNobodyAndEndsInTime) {
  const SilentServer silent;
  TestServer server;
  std::atomic<bool> stop = false;
  server->Get("/fine",
              [](const httplib::Request&, httplib::Response& r) { r.set_content("1", "application/json"); });
  // A byte now and then: each read succeeds, the whole never comes.
  server->Get("/drip", [&](const httplib::Request&, httplib::Response& r) {
    r.set_chunked_content_provider("application/json", [&](size_t, httplib::DataSink& sink) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      return !stop && sink.write(" ", 1);
    });
  });
  server.Start();
  const auto start = std::chrono::steady_clock::now();
  {
    Prober prober({.notify = {}, .timeout = absl::Seconds(1)});
    prober.SetProbes({Json(1, silent.port(), "/", ""), Json(2, server.port(), "/drip", ""),
                      Json(3, server.port(), "/fine", "")});
    ASSERT_TRUE(Await(prober, 3, Known));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
    EXPECT_THAT(ErrorOf(prober, 1), HasSubstr("no whole answer within 1s"));
    EXPECT_THAT(ErrorOf(prober, 2), HasSubstr("no whole answer within 1s"));
    v1::Probe patient = Json(4, silent.port(), "/", "");
    patient.mutable_queue()->mutable_timeout()->set_seconds(60);
    prober.SetProbes({patient});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }  // the end does not wait for a minute
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  stop = true;
}

TEST(HttpProbeTest, TlsBelievesTheFileAndTheNameAlone) {
  const ScratchDirectory files;
  const std::string certificate = files.path() + "/cert.pem";
  const std::string key = files.path() + "/key.pem";
  ASSERT_EQ(system(absl::StrCat("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                                "-days 2 -subj /CN=shop -addext "
                                "subjectAltName=DNS:queue.shop -keyout ",
                                key, " -out ", certificate, " 2>/dev/null")
                       .c_str()),
            0);
  TestServer server(std::make_unique<httplib::SSLServer>(certificate.c_str(), key.c_str()));
  server->Get("/", [](const httplib::Request& request, httplib::Response& r) {
    r.set_content(absl::StrCat("{\"host\": \"", request.get_header_value("Host"), "\", \"depth\": 2}"),
                  "application/json");
  });
  server.Start();
  const auto probe = [&](uint32_t handle, const std::string& host) {
    v1::Probe made = Json(handle, server.port(), "/", "depth");
    made.mutable_queue()->set_tls(true);
    made.mutable_queue()->set_url(absl::StrCat("https://", host, ":", server.port(), "/"));
    return made;
  };
  v1::Probe right = probe(1, "queue.shop");  // a name that only Drover resolves (R4.3)
  right.mutable_queue()->set_ca_file(certificate);
  v1::Probe other_name = probe(2, "other.shop");
  other_name.mutable_queue()->set_ca_file(certificate);
  const v1::Probe unknown_authority = probe(3, "queue.shop");
  Prober prober({});
  prober.SetProbes({right, other_name, unknown_authority});
  EXPECT_TRUE(Await(prober, 1, [](const v1::QueueSample& s) { return s.known() && s.ready() == 2; }));
  EXPECT_THAT(ErrorOf(prober, 2), HasSubstr("TLS: the certificate"));
  EXPECT_THAT(ErrorOf(prober, 3), HasSubstr("TLS: the certificate"));
}

}  // namespace
}  // namespace drover::agent
