#include "controller/runtime/http/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/runtime/http/openapi.h"

namespace drover::controller {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(RoutesTest, FindsByMethodAndPath) {
  const RouteMatch why = FindRoute("GET", "/v1/services/shop/web/why");
  ASSERT_NE(why.route, nullptr);
  EXPECT_STREQ(why.route->pattern, "/v1/services/{stack}/{service}/why");
  EXPECT_THAT(why.params, ElementsAre(Pair("service", "web"), Pair("stack", "shop")));
  EXPECT_NE(FindRoute("HEAD", "/healthz").route, nullptr);
}

TEST(RoutesTest, AWrongMethodSaysWhichAreRight) {
  const RouteMatch match = FindRoute("POST", "/v1/stacks/shop");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_THAT(match.allowed, testing::UnorderedElementsAre("GET", "PUT", "DELETE"));
}

TEST(RoutesTest, UnknownPaths) {
  for (const char* path : {"/", "", "/v1", "/v1/stacks/", "/v1/stacks//", "/v1/stacks/a/b", "//healthz",
                           "/v1/services/shop/web/why/not"}) {
    EXPECT_TRUE(FindRoute("GET", path).allowed.empty()) << path;
  }
}

TEST(OpenApiTest, DescribesEveryRouteAndResolvesEveryReference) {
  const auto api = nlohmann::json::parse(OpenApiJson());
  const auto& schemas = api["components"]["schemas"];
  for (const Route& route : Routes()) {
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(), [](char c) { return c | 0x20; });
    ASSERT_TRUE(api["paths"][route.pattern].contains(method)) << method << " " << route.pattern;
  }
  const std::string text = OpenApiJson();
  const std::string prefix = "#/components/schemas/";
  for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
    const std::string name = text.substr(at + prefix.size(), text.find('"', at) - at - prefix.size());
    EXPECT_TRUE(schemas.contains(name)) << name;
  }
  EXPECT_EQ(schemas["Service"]["properties"]["desired"]["type"], "integer");
  EXPECT_EQ(schemas["Stack"]["properties"]["revision"]["type"], "string");
  EXPECT_EQ(schemas["Replica"]["properties"]["state"]["$ref"], prefix + "ReplicaState");
  EXPECT_EQ(schemas["Node"]["properties"]["labels"]["additionalProperties"]["type"], "string");
}

}  // namespace
}  // namespace drover::controller
