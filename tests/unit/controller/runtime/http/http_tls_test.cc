// HTTPS with certificates made here, and clients that must show one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

class HttpTlsTest : public testing::Test {
 protected:
  HttpTlsTest()
      : folder_(std::filesystem::path(testing::TempDir()) / ("drover-https-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    MakeSelfSigned("server");
    MakeSelfSigned("client");
    MakeSelfSigned("stranger");
  }

  ~HttpTlsTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  void MakeSelfSigned(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    FILE* file = fopen(Path(name + ".pem").c_str(), "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    file = fopen(Path(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  HttpServer::Options Options() const {
    HttpServer::Options options = TestServer::Quick();
    options.tls_cert = Path("server.pem");
    options.tls_key = Path("server.key");
    return options;
  }

  const std::filesystem::path folder_;
};

TEST_F(HttpTlsTest, ServesOverTls) {
  TestServer test(Options());
  ASSERT_TRUE(test.server->Start().ok());
  httplib::SSLClient client("127.0.0.1", test.server->port());
  client.enable_server_certificate_verification(false);
  for (int i = 0; i < 3; ++i) {
    const auto result = client.Get("/v1/services");
    ASSERT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->status, 200);
  }
  const auto written = client.Post("/v1/services/shop/web/resume", "{}", "application/json");
  ASSERT_TRUE(written);
  EXPECT_EQ(written->status, 200);
  httplib::Client plain("127.0.0.1", test.server->port());
  EXPECT_FALSE(plain.Get("/healthz"));
}

TEST_F(HttpTlsTest, ClientsMustShowACertificateOfTheCa) {
  HttpServer::Options options = Options();
  options.tls_ca = Path("client.pem");
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  const auto get = [&](const std::string& name) {
    httplib::SSLClient client("127.0.0.1", test.server->port(), name.empty() ? "" : Path(name + ".pem"),
                              name.empty() ? "" : Path(name + ".key"));
    client.enable_server_certificate_verification(false);
    const auto result = client.Get("/healthz");
    return result && result->status == 200;
  };
  EXPECT_TRUE(get("client"));
  EXPECT_FALSE(get("stranger"));
  EXPECT_FALSE(get(""));
}

TEST_F(HttpTlsTest, AKeyOfAnotherCertificateIsRefused) {
  HttpServer::Options options = Options();
  options.tls_key = Path("client.key");
  const absl::Status status = TestServer(options).server->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

}  // namespace
}  // namespace drover::controller
