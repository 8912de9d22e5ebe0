#include "agent/runtime/real_path.h"

#include <gtest/gtest.h>
#include <limits.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/prng.h"

namespace drover::agent {
namespace {

namespace fs = std::filesystem;

class RealPathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/drover-real-path-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = fs::canonical(pattern).string();
  }

  void TearDown() override { fs::remove_all(dir_); }

  std::string dir_;
};

TEST_F(RealPathTest, FollowsWhatIsThereAndKeepsWhatIsNot) {
  fs::create_directories(dir_ + "/a/b");
  fs::create_directory_symlink("a/b", dir_ + "/relative");
  fs::create_directory_symlink(dir_ + "/a", dir_ + "/absolute");
  fs::create_symlink("/etc/no/such/file", dir_ + "/dangling");
  fs::create_symlink("loop", dir_ + "/loop");
  EXPECT_EQ(RealPath("/"), "/");
  EXPECT_EQ(RealPath("/../.."), "/");
  EXPECT_EQ(RealPath(dir_ + "/relative/x/y"), dir_ + "/a/b/x/y");
  EXPECT_EQ(RealPath(dir_ + "/absolute/b/.."), dir_ + "/a");
  EXPECT_EQ(RealPath(dir_ + "/relative/.."), dir_ + "/a") << "as the kernel, not as text";
  EXPECT_EQ(RealPath(dir_ + "/dangling"), "/etc/no/such/file") << "may be there in a moment";
  EXPECT_EQ(RealPath(dir_ + "/dangling/../x"), "/etc/no/such/x");
  EXPECT_EQ(RealPath(dir_ + "/loop"), std::nullopt);
  EXPECT_EQ(RealPath("/proc/self/root/etc"), "/etc");
}

// Random trees of folders and symlinks: what exists leads where the kernel says.
TEST_F(RealPathTest, IsAsTheKernelHasIt) {
  Prng prng(3);
  int existing = 0;
  for (int round = 0; round < 30; ++round) {
    const std::string top = absl::StrCat(dir_, "/", round);
    std::vector<std::string> places = {top};
    fs::create_directory(top);
    const auto any = [&] { return places[prng.Below(places.size())]; };
    for (int i = 0; i < 12; ++i) {
      const std::string made =
          absl::StrCat(any(), "/", std::string(1, static_cast<char>('a' + prng.Below(4))));
      std::error_code ignored;
      if (prng.Chance(0.5)) {
        fs::create_directory(made, ignored);
      } else if (prng.Chance(0.5)) {
        fs::create_directory_symlink(any(), made, ignored);
      } else {
        fs::create_directory_symlink(prng.Chance(0.5) ? "../a" : "./b/..", made, ignored);
      }
      places.push_back(made);
    }
    for (int i = 0; i < 200; ++i) {
      static constexpr const char* kParts[] = {"/a", "/b", "/c", "/d", "/..", "/.", "//"};
      std::string path = top;
      for (size_t left = prng.Below(6); left > 0; --left) {
        path += kParts[prng.Below(7)];
      }
      const std::unique_ptr<char, decltype(&free)> kernel(realpath(path.c_str(), nullptr), free);
      if (kernel != nullptr) {
        ++existing;
        ASSERT_EQ(RealPath(path), kernel.get()) << path;
      } else if (errno == ELOOP) {
        ASSERT_EQ(RealPath(path), std::nullopt) << path;
      }
    }
  }
  EXPECT_GT(existing, 1000);
}

}  // namespace
}  // namespace drover::agent
