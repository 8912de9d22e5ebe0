#include "controller/runtime/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace drover::controller {
namespace {

using ::testing::HasSubstr;

class TlsFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-tls-XXXXXX";
    directory_ = mkdtemp(name);
    MakePair("a");
    MakePair("b");
    files_ = {.certificate = Path("a.pem"), .key = Path("a.key"), .ca = Path("b.pem")};
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  // A key and a self-signed certificate for it.
  void MakePair(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_pubkey(certificate, key);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
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

  std::string Fault() const { return std::string(ReadTlsFiles(files_).status().message()); }

  std::string directory_;
  TlsFiles files_;
};

TEST_F(TlsFilesTest, MatchingFilesAreRead) {
  const auto contents = ReadTlsFiles(files_);
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_THAT(contents->certificate, HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(TlsFilesTest, KeyOfAnotherCertificateIsNamed) {
  files_.key = Path("b.key");
  EXPECT_THAT(Fault(), HasSubstr("b.key: does not belong to the certificate in " + Path("a.pem")));
}

TEST_F(TlsFilesTest, MissingAndMalformedFilesAreNamed) {
  std::ofstream(Path("text")) << "no pem";
  files_.ca = Path("text");
  EXPECT_THAT(Fault(), HasSubstr("text: no certificate in PEM form"));
  files_.ca = Path("none");
  EXPECT_THAT(Fault(), HasSubstr("none: can't be read: No such file"));
  files_.ca = Path("b.pem");
  files_.key = Path("text");
  EXPECT_THAT(Fault(), HasSubstr("text: no private key in PEM form"));
}

}  // namespace
}  // namespace drover::controller
