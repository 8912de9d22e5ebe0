#include "controller/runtime/secret_box.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace drover::controller {
namespace {

class SecretBoxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-box-XXXXXX";
    directory_ = mkdtemp(name);
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(SecretBoxTest, UnsealsWhatItSealedAlsoAfterReopening) {
  const std::string plain = std::string("with\0zero", 9);
  const std::string sealed = SecretBox::Open(Path("key"))->Seal(plain);
  EXPECT_EQ(*SecretBox::Open(Path("key"))->Unseal(sealed), plain);
  EXPECT_EQ(sealed.find("with"), std::string::npos);
}

TEST_F(SecretBoxTest, SameTextIsSealedDifferentlyEachTime) {
  const auto box = SecretBox::Open(Path("key"));
  EXPECT_NE(box->Seal("a"), box->Seal("a"));
  EXPECT_EQ(box->Seal(""), "");
}

TEST_F(SecretBoxTest, AnotherKeyOrChangedBytesAreDataLoss) {
  const auto box = SecretBox::Open(Path("key"));
  std::string sealed = box->Seal("text");
  EXPECT_EQ(SecretBox::Open(Path("other"))->Unseal(sealed).status().code(), absl::StatusCode::kDataLoss);
  sealed[14] = static_cast<char>(sealed[14] ^ 1);
  EXPECT_EQ(box->Unseal(sealed).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(box->Unseal("short").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SecretBoxTest, KeyFileIsForItsOwnerOnly) {
  ASSERT_TRUE(SecretBox::Open(Path("key")).ok());

  struct stat info {};

  ASSERT_EQ(stat(Path("key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(SecretBoxTest, FileThatIsNoKeyIsDataLoss) {
  std::ofstream(Path("key")) << "too short";
  EXPECT_EQ(SecretBox::Open(Path("key")).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace drover::controller
