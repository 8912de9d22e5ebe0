#include "pki/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::pki {
namespace {

constexpr char kNode[] = "00000000000000aa";

CertificateTerms ClientTerms() {
  return {.common_name = kNode,
          .names = {},
          .uri = "",
          .server = false,
          .not_before = absl::FromUnixSeconds(1'000'000'000),
          .not_after = absl::FromUnixSeconds(1'000'086'400)};
}

class CertificatesTest : public testing::Test {
 protected:
  const Identity authority_ =
      *MakeAuthority("test", absl::FromUnixSeconds(1'000'000'000), absl::Hours(24 * 3650));
};

TEST_F(CertificatesTest, AKeyItsRequestAndItsCertificateHaveOneHash) {
  const std::string key = MakeKey();
  const std::string request = *MakeRequest(key, kNode);
  EXPECT_EQ(*NameInRequest(request), kNode);
  const std::string certificate = *Issue(authority_, request, ClientTerms());
  EXPECT_EQ(*KeyHash(key), *KeyHash(request));
  EXPECT_EQ(*KeyHash(key), *KeyHash(certificate));
  EXPECT_EQ(KeyHash(key)->size(), 64U);
  EXPECT_NE(*KeyHash(key), *KeyHash(MakeKey()));
  EXPECT_TRUE(CheckPair({.certificate = certificate, .key = key}).ok());
  EXPECT_FALSE(CheckPair({.certificate = certificate, .key = MakeKey()}).ok());
}

TEST_F(CertificatesTest, WhatWasAskedForIsInTheCertificate) {
  CertificateTerms terms = ClientTerms();
  terms.names = {"host.example.com", "10.0.0.1", "::1"};
  terms.server = true;
  const auto facts = FactsOf(*Issue(authority_, MakeKey(), terms));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->common_name, kNode);
  EXPECT_EQ(facts->not_before, terms.not_before);
  EXPECT_EQ(facts->not_after, terms.not_after);
  EXPECT_FALSE(facts->authority);
  EXPECT_THAT(facts->names, testing::UnorderedElementsAre("host.example.com", "10.0.0.1", "::1"));
  EXPECT_TRUE(FactsOf(authority_.certificate)->authority);
}

TEST_F(CertificatesTest, SerialsDiffer) {
  const std::string key = MakeKey();
  EXPECT_NE(FactsOf(*Issue(authority_, key, ClientTerms()))->serial,
            FactsOf(*Issue(authority_, key, ClientTerms()))->serial);
}

TEST_F(CertificatesTest, NamesThatCouldBeMoreThanNamesAreLeftOut) {
  CertificateTerms terms = ClientTerms();
  terms.names = {"a,DNS:evil.example.com", "good"};
  EXPECT_THAT(FactsOf(*Issue(authority_, MakeKey(), terms))->names, testing::ElementsAre("good"));
}

TEST_F(CertificatesTest, ARequestMustBeSignedByItsKey) {
  std::string request = *MakeRequest(MakeKey(), kNode);
  EXPECT_TRUE(NameInRequest(request).ok());
  // The signature stands at the end.
  const size_t last = request.rfind("\n-----END") - 8;
  request[last] = request[last] == 'A' ? 'B' : 'A';
  EXPECT_EQ(NameInRequest(request).status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* text :
       {"", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"}) {
    EXPECT_EQ(NameInRequest(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_FALSE(Issue(authority_, text, ClientTerms()).ok()) << text;
    EXPECT_FALSE(FactsOf(text).ok()) << text;
    EXPECT_FALSE(KeyHash(text).ok()) << text;
  }
}

TEST(DigestTest, AsPublished) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(RandomHex(16).size(), 32U);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

}  // namespace
}  // namespace drover::pki
