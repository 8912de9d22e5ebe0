// HTTPS at both balancers: a certificate for each host, and one that is replaced on disk.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/runtime/edge/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/edge/edge_contract.h"
#include "tests/contract/edge/http_load.h"
#include "tests/support/missing.h"

namespace drover::agent {
namespace {

using drover::testing::FreePort;
using drover::testing::HttpBackend;

class TlsContract : public EdgeFixture, public ::testing::WithParamInterface<Adapter> {
 protected:
  TlsContract() : EdgeFixture(GetParam()) {}

  void SetUp() override {
    for (const char* tool : {"openssl", "curl"}) {
      if (!FindProgram(tool).ok()) {
        DROVER_MISSING(absl::StrCat(tool, " is not installed"));
      }
    }
    EdgeFixture::SetUp();
    const uint32_t port = FreePort();
    set_.listeners.clear();
    for (const char* host : {"a.example", "b.example"}) {
      MakeCertificate(host, host);
      set_.listeners.push_back(
          {.bind = "127.0.0.1", .port = port, .host = host, .path = "", .tls_path = Path(host)});
    }
  }

  std::string Path(const std::string& name) const { return absl::StrCat(dir_, "/", name, ".pem"); }

  int Execute(std::vector<std::string> argv) const {
    argv.front() = *FindProgram(argv.front());
    const absl::StatusOr<RunResult> result = RunProgram(argv, dir_ + "/tool.out", absl::Seconds(10));
    output_ = result.ok() ? result->output : std::string(result.status().message());
    return result.ok() ? result->exit_code : -1;
  }

  // One that stands for itself, with its key, at Path(name).
  void MakeCertificate(const std::string& host, const std::string& name) const {
    const std::string key = dir_ + "/key";
    const std::string certificate = dir_ + "/certificate";
    ASSERT_EQ(Execute({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                       "-nodes", "-days", "2", "-subj", "/CN=" + host, "-addext",
                       "subjectAltName=DNS:" + host, "-keyout", key, "-out", certificate}),
              0)
        << output_;
    ASSERT_EQ(Execute({"sh", "-c", absl::StrCat("cat ", certificate, " ", key, " > ", Path(name))}), 0);
  }

  // What curl says to a request for `host` when it trusts the certificate at Path(name) alone.
  std::string Https(const std::string& host, const std::string& name) const {
    const int code = Execute({"curl", "-s", "--max-time", "5", "--cacert", Path(name), "--resolve",
                              absl::StrCat(host, ":", port(), ":127.0.0.1"), "-o", "/dev/null", "-w",
                              "%{http_code}", absl::StrCat("https://", host, ":", port(), "/")});
    return absl::StrCat(code, " ", output_);
  }

  mutable std::string output_;
};

TEST_P(TlsContract, EachHostHasItsCertificate) {
  HttpBackend a;
  EXPECT_EQ(Apply({To(a)}).applied_revision, set_.revision) << last_.sets.front().error;
  EXPECT_EQ(Https("a.example", "a.example"), "0 200");
  EXPECT_EQ(Https("b.example", "b.example"), "0 200");
  EXPECT_EQ(Https("a.example", "b.example"), "60 000");  // not the one that was asked for
  EXPECT_EQ(a.served(), 2u);
}

TEST_P(TlsContract, ACertificateThatIsReplacedOnDiskIsTakenOver) {
  HttpBackend a;
  Apply({To(a)});
  const uint64_t reloads = last_.reloads;
  MakeCertificate("a.example", "renewed");
  EXPECT_EQ(Https("a.example", "renewed"), "60 000");
  std::filesystem::copy(Path("renewed"), Path("renewed.new"));
  std::filesystem::rename(Path("renewed.new"), Path("a.example"));
  const auto start = std::chrono::steady_clock::now();
  while (Https("a.example", "renewed") != "0 200" &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(5)) {
    last_ = edge_->Reconcile(ContractNow());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(Https("a.example", "renewed"), "0 200");
  EXPECT_EQ(Https("b.example", "b.example"), "0 200");
  EXPECT_EQ(last_.reloads, reloads + 1);
  EXPECT_EQ(last_.error, "");
}

INSTANTIATE_TEST_SUITE_P(All, TlsContract, ::testing::Values(HaproxyAdapter(), NginxAdapter()),
                         [](const ::testing::TestParamInfo<Adapter>& adapter) { return adapter.param.name; });

}  // namespace
}  // namespace drover::agent
