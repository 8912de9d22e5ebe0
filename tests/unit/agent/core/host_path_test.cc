#include "agent/core/host_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/prng.h"

namespace drover::agent {
namespace {

TEST(HostPathTest, NormalForm) {
  for (const auto& [path, normal] :
       std::vector<std::pair<std::string, std::string>>{{"/", "/"},
                                                        {"/srv", "/srv"},
                                                        {"/srv/", "/srv"},
                                                        {"//srv///media//", "/srv/media"},
                                                        {"/srv/./media/.", "/srv/media"},
                                                        {"/srv/../etc", "/etc"},
                                                        {"/../../etc/passwd", "/etc/passwd"},
                                                        {"/srv/media/../../../..", "/"},
                                                        {"/srv/..media", "/srv/..media"},
                                                        {"/srv/...", "/srv/..."},
                                                        {"/srv/a b", "/srv/a b"}}) {
    EXPECT_EQ(NormalPath(path), normal) << path;
  }
  for (const std::string& none :
       {std::string(""), std::string("srv"), std::string("./srv"), std::string("~/x"),
        std::string("/srv\n/etc"), std::string("/srv\0/etc", 9)}) {
    EXPECT_EQ(NormalPath(none), std::nullopt) << none;
  }
}

TEST(HostPathTest, WithinIsByWholeComponents) {
  EXPECT_TRUE(IsWithin("/srv", "/srv"));
  EXPECT_TRUE(IsWithin("/srv/media", "/srv"));
  EXPECT_TRUE(IsWithin("/srv", "/"));
  EXPECT_TRUE(IsWithin("/", "/"));
  EXPECT_FALSE(IsWithin("/srv2", "/srv"));
  EXPECT_FALSE(IsWithin("/", "/srv"));
  EXPECT_FALSE(IsWithin("/sr", "/srv"));
}

TEST(HostPathTest, MeetsWhatIsAtBelowAndAbove) {
  EXPECT_TRUE(Meets("/etc", "/etc"));
  EXPECT_TRUE(Meets("/etc/shadow", "/etc"));
  EXPECT_TRUE(Meets("/", "/etc"));
  EXPECT_TRUE(Meets("/var", "/var/lib"));
  EXPECT_FALSE(Meets("/etcetera", "/etc"));
  EXPECT_FALSE(Meets("/var/www", "/var/lib"));
  EXPECT_TRUE(Meets("/home", "/home/*/.*"));
  EXPECT_TRUE(Meets("/home/ann", "/home/*/.*")) << "holds her keys";
  EXPECT_TRUE(Meets("/home/ann/.ssh/id", "/home/*/.*"));
  EXPECT_FALSE(Meets("/home/ann/shop/.git", "/home/*/.*"));
  EXPECT_FALSE(Meets("/tmp/data", "/tmp/tmux-*"));
}

TEST(HostPathTest, Globs) {
  for (const auto& [text, pattern, matches] :
       std::vector<std::tuple<std::string, std::string, bool>>{{"", "", true},
                                                               {"", "*", true},
                                                               {"a", "", false},
                                                               {"", "?", false},
                                                               {"net.core.somaxconn", "net.*", true},
                                                               {"internet.x", "net.*", false},
                                                               {"a/b/c", "a*c", true},
                                                               {"abcbc", "a*bc", true},
                                                               {"abcb", "a*bc", false},
                                                               {"aXb", "a?b", true},
                                                               {"ab", "a?b", false},
                                                               {"a*b", "a*b", true},
                                                               {"mississippi", "m*iss*ip*i", true},
                                                               {"mississippi", "m*iss*iz*i", false}}) {
    EXPECT_EQ(MatchesGlob(text, pattern), matches) << text << " as " << pattern;
  }
}

// By its definition, letter by letter.
bool Matches(absl::string_view text, absl::string_view pattern) {
  if (pattern.empty()) {
    return text.empty();
  }
  if (pattern.front() == '*') {
    return Matches(text, pattern.substr(1)) || (!text.empty() && Matches(text.substr(1), pattern));
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         Matches(text.substr(1), pattern.substr(1));
}

std::string Letters(Prng& prng, absl::string_view from, size_t most) {
  std::string text;
  for (size_t left = prng.Below(most + 1); left > 0; --left) {
    text += from[prng.Below(from.size())];
  }
  return text;
}

TEST(HostPathTest, GlobsAreAsTheirDefinition) {
  Prng prng(7);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = Letters(prng, "ab/", 8);
    const std::string pattern = Letters(prng, "ab/*?", 6);
    ASSERT_EQ(MatchesGlob(text, pattern), Matches(text, pattern)) << text << " as " << pattern;
  }
}

TEST(HostPathTest, ANormalPathIsNormalAndNeverLeavesTheTop) {
  Prng prng(11);
  for (int i = 0; i < 20000; ++i) {
    const std::string path = "/" + Letters(prng, "a../b", 14);
    const std::optional<std::string> normal = NormalPath(path);
    ASSERT_TRUE(normal) << path;
    ASSERT_EQ(NormalPath(*normal), normal) << path;
    ASSERT_TRUE(IsWithin(*normal, "/")) << path;
    ASSERT_EQ(normal->find("//"), std::string::npos) << path;
    std::string expected = std::filesystem::path(path).lexically_normal().string();
    if (expected.size() > 1 && expected.back() == '/') {
      expected.pop_back();
    }
    ASSERT_EQ(*normal, "/" + expected.substr(expected.find_first_not_of('/') == std::string::npos
                                                 ? expected.size()
                                                 : expected.find_first_not_of('/')))
        << path;
  }
}

}  // namespace
}  // namespace drover::agent
