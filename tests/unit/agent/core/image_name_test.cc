#include "agent/core/image_name.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace drover::agent {
namespace {

TEST(ImageNameTest, Parts) {
  for (const auto& [reference, name] : std::vector<std::pair<std::string, ImageName>>{
           {"nginx", {"docker.io/library/nginx", "", ""}},
           {"nginx:1.25", {"docker.io/library/nginx", "1.25", ""}},
           {"shop/web:1", {"docker.io/shop/web", "1", ""}},
           {"docker.io/nginx", {"docker.io/library/nginx", "", ""}},
           {"index.docker.io/shop/web", {"docker.io/shop/web", "", ""}},
           {"localhost/web", {"localhost/web", "", ""}},
           {"reg:5000/a/b/c:2@sha256:ab", {"reg:5000/a/b/c", "2", "sha256:ab"}},
           {"reg.example.com/web@sha256:ab", {"reg.example.com/web", "", "sha256:ab"}}}) {
    EXPECT_EQ(ParseImageName(reference), name) << reference;
  }
  EXPECT_TRUE(IsImageId("sha256:ab"));
  EXPECT_FALSE(IsImageId("web@sha256:ab"));
}

TEST(ImageNameTest, Patterns) {
  for (const auto& [reference, pattern, matches] : std::vector<std::tuple<std::string, std::string, bool>>{
           {"nginx", "nginx", true},
           {"nginx:1.25", "nginx", true},
           {"nginx@sha256:ab", "nginx", true},
           {"nginx", "nginx:latest", true},
           {"nginx:1.25", "nginx:1.*", true},
           {"nginx:2", "nginx:1.*", false},
           {"nginx:1.25@sha256:ab", "nginx:1.25", true},
           {"nginx", "docker.io/library/*", true},
           {"nginx", "library/nginx", true},
           {"evil/nginx", "nginx", false},
           {"evil/nginx", "docker.io/library/*", false},
           {"reg.example.com/shop/web:3", "reg.example.com/shop/*", true},
           {"reg.example.com/shop2/web:3", "reg.example.com/shop/*", false},
           {"reg.example.com.evil.com/shop/web", "reg.example.com/*", false},
           {"reg.example.com/nginx", "nginx", false},
           {"shop/web", "shop/*", true},
           {"shop/web", "*@sha256:*", false},
           {"shop/web@sha256:ab", "*@sha256:*", true},
           {"anything", "*", true}}) {
    EXPECT_EQ(MatchesImage(ParseImageName(reference), pattern), matches) << reference << " as " << pattern;
  }
}

}  // namespace
}  // namespace drover::agent
