#include "agent/runtime/docker/auth.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace drover::agent::docker {
namespace {

TEST(AuthTest, RegistryOfAnImageAsDockerReadsIt) {
  EXPECT_EQ(RegistryOf("postgres:16"), "docker.io");
  EXPECT_EQ(RegistryOf("shop/web:1.4"), "docker.io");
  EXPECT_EQ(RegistryOf("reg.example.com/shop/web"), "reg.example.com");
  EXPECT_EQ(RegistryOf("reg:5000/web"), "reg:5000");
  EXPECT_EQ(RegistryOf("localhost/web"), "localhost");
}

TEST(AuthTest, ReadsDockersOwnConfiguration) {
  std::string auth;
  absl::Base64Escape("me:pass:word", &auth);
  auto parsed = ParseDockerConfig(R"({"auths": {"https://index.docker.io/v1/": {"auth": ")" + auth +
                                  R"("}, "reg:5000": {"auth": ")" + auth + R"("}, "none": {}}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), 2u);
  EXPECT_EQ(parsed->at("docker.io"), (Credentials{"me", "pass:word"}));
  EXPECT_EQ(parsed->at("reg:5000"), (Credentials{"me", "pass:word"}));
  EXPECT_FALSE(ParseDockerConfig("no json").ok());
}

TEST(AuthTest, HeaderOnlyForARegistryWithCredentials) {
  std::map<std::string, Credentials> registries = {{"reg:5000", {"me", "secret"}}};
  EXPECT_EQ(AuthHeader(registries, "postgres:16"), "");
  std::string header = AuthHeader(registries, "reg:5000/web");
  std::string decoded;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(header, &decoded));
  EXPECT_EQ(decoded, R"({"password":"secret","serveraddress":"reg:5000","username":"me"})");
}

}  // namespace
}  // namespace drover::agent::docker
