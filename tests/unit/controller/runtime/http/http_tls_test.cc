// HTTPS with certificates made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "absl/time/clock.h"
#include "controller/runtime/access/server_certificate.h"
#include "tests/unit/controller/runtime/http/fakes.h"

namespace drover::controller {
namespace {

class HttpTlsTest : public testing::Test {
 protected:
  HttpTlsTest()
      : folder_(std::filesystem::path(testing::TempDir()) / ("drover-https-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    MakeSelfSigned("server");
    MakeSelfSigned("next");
    certificate_ = *ServerCertificate::OfFiles(Files());
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
    options.certificate = certificate_.get();
    return options;
  }

  TlsFiles Files() const {
    return {.certificate = Path("server.pem"), .key = Path("server.key"), .ca = Path("server.pem")};
  }

  const std::filesystem::path folder_;
  std::unique_ptr<ServerCertificate> certificate_;
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

// The name in the certificate that the server shows now.
std::string NameShown(int port) {
  httplib::SSLClient client("127.0.0.1", port);
  client.enable_server_certificate_verification(false);
  std::string name;
  SSL_CTX_set_verify(client.ssl_context(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(
      client.ssl_context(),
      [](X509_STORE_CTX* context, void* out) {
        char text[64] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(X509_STORE_CTX_get0_cert(context)), NID_commonName,
                                  text, sizeof(text));
        *static_cast<std::string*>(out) = text;
        return 1;
      },
      &name);
  EXPECT_TRUE(client.Get("/healthz"));
  return name;
}

TEST_F(HttpTlsTest, FilesThatChangeAreShownWithoutARestart) {
  TestServer test(Options());
  ASSERT_TRUE(test.server->Start().ok());
  EXPECT_EQ(NameShown(test.server->port()), "server");
  std::filesystem::rename(Path("next.pem"), Path("server.pem"));
  EXPECT_FALSE(certificate_->Refresh(absl::Now()).ok());  // a key of another certificate is not taken
  EXPECT_EQ(NameShown(test.server->port()), "server");
  std::filesystem::rename(Path("next.key"), Path("server.key"));
  EXPECT_TRUE(certificate_->Refresh(absl::Now()).ok());
  EXPECT_EQ(NameShown(test.server->port()), "next");
}

TEST_F(HttpTlsTest, R13_HandshakesComeAtABoundedRate) {
  HttpServer::Options options = Options();
  options.handshakes_per_second = 5;
  TestServer test(options);
  ASSERT_TRUE(test.server->Start().ok());
  const absl::Time start = absl::Now();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(NameShown(test.server->port()), "server");
  }
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(500));
}

}  // namespace
}  // namespace drover::controller
