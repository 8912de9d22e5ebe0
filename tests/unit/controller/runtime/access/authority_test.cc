#include "controller/runtime/access/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "controller/runtime/access/server_certificate.h"
#include "pki/certificates.h"
#include "tests/unit/controller/runtime/access/folder.h"

namespace drover::controller {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr char kNode[] = "00000000000000aa";

class AuthorityTest : public testing::Test {
 protected:
  Authority Open() const { return *Authority::Open(folder_.Path("ca"), kNow); }

  Folder folder_;
};

TEST_F(AuthorityTest, IsMadeOnceAndOnlyItsOwnerReadsItsKey) {
  const Authority first = Open();
  const Authority again = Open();
  EXPECT_EQ(first.pin(), again.pin());
  EXPECT_EQ(first.certificate(), again.certificate());
  EXPECT_THAT(first.certificate(), testing::Not(HasSubstr("PRIVATE KEY")));

  struct stat facts {};

  ASSERT_EQ(stat(folder_.Path("ca/authority.pem").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  EXPECT_EQ(*pki::KeyHash(first.certificate()), first.pin());
}

TEST_F(AuthorityTest, ADamagedFileIsAnErrorNotANewAuthority) {
  Open();
  std::ofstream(folder_.Path("ca/authority.pem")) << "x";
  const auto opened = Authority::Open(folder_.Path("ca"), kNow);
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("authority.pem"));
}

TEST_F(AuthorityTest, ANodesCertificateNamesThatNodeOnly) {
  const Authority authority = Open();
  const std::string request = *pki::MakeRequest(pki::MakeKey(), kNode);
  const auto certificate = authority.IssueForNode(request, NodeId(kNode), kNow, absl::Hours(24));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(pki::FactsOf(*certificate)->common_name, kNode);
  EXPECT_EQ(pki::FactsOf(*certificate)->not_after, kNow + absl::Hours(24));
  EXPECT_LT(pki::FactsOf(*certificate)->not_before, kNow);
  const auto other = authority.IssueForNode(request, NodeId("00000000000000bb"), kNow, absl::Hours(24));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kInvalidArgument);
}

class ServerCertificateTest : public AuthorityTest {
 protected:
  std::string Shown(const ServerCertificate& certificate) const {
    std::ifstream file(certificate.files().certificate);
    return pki::FactsOf({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()})->serial;
  }

  ServerCertificate::Own Own(const Authority& authority) const {
    return {.authority = &authority, .names = {"10.0.0.1"}, .life = absl::Hours(90)};
  }
};

TEST_F(ServerCertificateTest, IsKeptForTwoThirdsOfItsLifeAndThenMadeAnew) {
  const Authority authority = Open();
  const auto certificate = ServerCertificate::OfAuthority(Own(authority), kNow);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  const std::string first = Shown(**certificate);
  EXPECT_TRUE((*certificate)->Refresh(kNow + absl::Hours(59)).ok());
  EXPECT_EQ(Shown(**certificate), first);
  EXPECT_TRUE((*certificate)->Refresh(kNow + absl::Hours(61)).ok());
  EXPECT_NE(Shown(**certificate), first);
}

TEST_F(ServerCertificateTest, ARestartShowsTheSameUnlessNamesAreMissing) {
  const Authority authority = Open();
  const std::string first = Shown(**ServerCertificate::OfAuthority(Own(authority), kNow));
  EXPECT_EQ(Shown(**ServerCertificate::OfAuthority(Own(authority), kNow)), first);
  ServerCertificate::Own more = Own(authority);
  more.names.push_back("drover.example.com");
  EXPECT_NE(Shown(**ServerCertificate::OfAuthority(more, kNow)), first);
}

TEST_F(ServerCertificateTest, OneOfAnotherAuthorityIsNotShown) {
  const Authority authority = Open();
  const std::string first = Shown(**ServerCertificate::OfAuthority(Own(authority), kNow));
  std::filesystem::remove(folder_.Path("ca/authority.pem"));
  const Authority next = Open();
  EXPECT_NE(next.pin(), authority.pin());
  EXPECT_NE(Shown(**ServerCertificate::OfAuthority(Own(next), kNow)), first);
}

}  // namespace
}  // namespace drover::controller
