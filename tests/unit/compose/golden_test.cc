// Our own samples against the text that `drover config` prints for them. DROVER_REWRITE=1 writes the
// expected files anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compose/files.h"
#include "tests/unit/compose/support.h"

namespace drover::compose {
namespace {

const std::string kDir = "tests/unit/compose";

// Faults and warnings as comments, then the spec.
std::string Print(const LoadResult& result) {
  std::string out;
  auto print = [&](const std::vector<Fault>& faults, const char* label) {
    for (const Fault& fault : faults) {
      absl::StrAppend(&out, "# ", label, ToString(fault), "\n");
    }
  };
  if (const auto* refused = std::get_if<Refused>(&result)) {
    print(refused->warnings, "");
    print(refused->faults, "");
    return out;
  }
  const auto& loaded = std::get<Loaded>(result);
  print(loaded.warnings, "");
  print(loaded.deploy_faults, "up: ");
  return absl::StrCat(out, NormalisedYaml(loaded.spec));
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, PrintsWhatIsExpected) {
  LoadOptions options;
  options.files = {GetParam() + ".yaml"};
  options.working_dir = kDir + "/samples";
  const std::string actual = Print(Load(options));
  const std::string path = absl::StrCat(kDir, "/golden/", GetParam(), ".yaml");
  if (std::getenv("DROVER_REWRITE") != nullptr) {
    std::ofstream(path) << actual;
  }
  EXPECT_EQ(actual, ReadWholeFile(path).value_or("")) << "DROVER_REWRITE=1 writes it anew";
}

INSTANTIATE_TEST_SUITE_P(Samples, GoldenTest, testing::Values("shop", "faults"),
                         [](const auto& test) { return test.param; });

TEST(NormalisedTest, IsTheSameEachTime) {
  LoadOptions options;
  options.files = {"shop.yaml"};
  options.working_dir = kDir + "/samples";
  const auto first = SpecOf(Load(options));
  const auto second = SpecOf(Load(options));
  EXPECT_EQ(NormalisedYaml(first), NormalisedYaml(second));
  EXPECT_EQ(NormalisedJson(first), NormalisedJson(second));
}

}  // namespace
}  // namespace drover::compose
