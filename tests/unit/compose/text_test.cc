// Text of strangers: files and variables in another encoding than UTF-8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compose/dotenv.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(TextTest, TextThatIsNoUtf8IsRefusedWithItsPlace) {
  const std::map<std::string, std::string> variables = {{"LATIN", "caf\xe9"}};
  for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
           {"services: {a: {image: b, command: [\"caf\xe9\"]}}", "1:36: "},
           {"services:\n  a:\n    image: b\n    environment: {\"\xff\": 1}", "4:19: "},
           {"services: {a: {image: b, command: \"$LATIN\"}}", "1:35: "},
           {"services: {a: {image: b, environment: [LATIN]}}", "1:40: "}}) {
    const std::vector<std::string> faults = Faults(LoadText(text, variables));
    ASSERT_FALSE(faults.empty()) << text;
    EXPECT_THAT(faults[0], StartsWith(place)) << text;
    EXPECT_THAT(faults[0], HasSubstr("is not UTF-8; save the file")) << text;
  }
  EXPECT_TRUE(Faults(LoadText("services: {a: {image: b, command: [\"caf\xc3\xa9\"]}}")).empty());
}

TEST(TextTest, AnEnvFileIsUtf8) {
  FaultList faults;
  ParseEnvFile("A=1\nB=\"caf\xe9\"\n", std::make_shared<const Source>(Source{.name = ".env", .base_dir = ""}),
               {}, false, faults);
  ASSERT_EQ(faults.errors().size(), 1);
  EXPECT_THAT(ToString(faults.errors()[0]), StartsWith(".env:2:1: the byte 0xe9"));
}

}  // namespace
}  // namespace drover::compose
