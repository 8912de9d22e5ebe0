// Golden scripts of the controller's core: tests/scenario/controller/*.txt. DROVER_REWRITE=1 writes
// what the core does now into them; read the difference before committing it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/scenario/script.h"

namespace drover::controller {
namespace {

constexpr char kFolder[] = "tests/scenario/controller";

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ScenarioTest : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, Golden) {
  const std::filesystem::path path = std::filesystem::path(kFolder) / absl::StrCat(GetParam(), ".txt");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  Script script;
  const std::string result = script.Run(text.str());
  EXPECT_EQ(result.find("error: "), std::string::npos) << result;
  if (std::getenv("DROVER_REWRITE") != nullptr) {
    std::ofstream(path) << result;
    return;
  }
  EXPECT_EQ(result, text.str());
}

INSTANTIATE_TEST_SUITE_P(Controller, ScenarioTest, testing::ValuesIn(Names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace drover::controller
