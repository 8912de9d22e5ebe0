#include "compose/interpolate.h"

#include <gtest/gtest.h>

#include "compose/dotenv.h"

namespace drover::compose {
namespace {

const Environment kVariables = {{"A", "a"}, {"EMPTY", ""}, {"B", "b"}};

TEST(InterpolateTest, EveryForm) {
  struct Case {
    const char* text;
    const char* expected;
  };

  for (const Case& c : std::vector<Case>{{"plain", "plain"},
                                         {"$A", "a"},
                                         {"${A}", "a"},
                                         {"x${A}y$B", "xayb"},
                                         {"$$A", "$A"},
                                         {"$${A}", "${A}"},
                                         {"${NO:-d}", "d"},
                                         {"${NO-d}", "d"},
                                         {"${EMPTY:-d}", "d"},
                                         {"${EMPTY-d}", ""},
                                         {"${A:-d}", "a"},
                                         {"${A:+r}", "r"},
                                         {"${EMPTY:+r}", ""},
                                         {"${EMPTY+r}", "r"},
                                         {"${NO+r}", ""},
                                         {"${A:?e}", "a"},
                                         {"${NO:-${B}}", "b"},
                                         {"${NO:-${NOT-${A}-x}}", "a-x"},
                                         {"${NO:-http://$A:80/}", "http://a:80/"}}) {
    FaultList faults;
    EXPECT_EQ(Interpolate(c.text, kVariables, {}, faults), c.expected) << c.text;
    EXPECT_TRUE(faults.errors().empty()) << c.text;
    EXPECT_TRUE(faults.warnings().empty()) << c.text;
  }
}

TEST(InterpolateTest, UnsetReadsAsEmptyWithAWarning) {
  FaultList faults;
  EXPECT_EQ(Interpolate("[${NO}]", kVariables, {}, faults), "[]");
  ASSERT_EQ(faults.warnings().size(), 1u);
  EXPECT_NE(faults.warnings()[0].message.find("variable NO is not set"), std::string::npos);
}

TEST(InterpolateTest, BranchesNotTakenAreSilent) {
  FaultList faults;
  EXPECT_EQ(Interpolate("${A:-$NO}${A:-${NO:?must}}", kVariables, {}, faults), "aa");
  EXPECT_TRUE(faults.warnings().empty());
  EXPECT_TRUE(faults.ok());
}

TEST(InterpolateTest, BadSyntaxIsAFaultAndKeepsTheText) {
  struct Case {
    const char* text;
    const char* message;
  };

  for (const Case& c : std::vector<Case>{{"cost $5", "write $$ for a dollar sign"},
                                         {"a$", "write $$"},
                                         {"${A", "close the variable"},
                                         {"${}", "without a variable name"},
                                         {"${A!x}", "unknown form"},
                                         {"${NO:?give it}", "variable NO must be set: give it"},
                                         {"${EMPTY:?}", "variable EMPTY must be set"}}) {
    FaultList faults;
    EXPECT_EQ(Interpolate(c.text, kVariables, {}, faults), c.text);
    ASSERT_EQ(faults.errors().size(), 1u) << c.text;
    EXPECT_NE(faults.errors()[0].message.find(c.message), std::string::npos) << faults.errors()[0].message;
  }
}

EnvFile Parse(const std::string& text, FaultList& faults, bool raw = false) {
  return ParseEnvFile(text, std::make_shared<const Source>(Source{.name = ".env", .base_dir = "/"}),
                      kVariables, raw, faults);
}

TEST(EnvFileTest, Formats) {
  FaultList faults;
  const EnvFile file = Parse(
      "# comment\n"
      "PLAIN=value # trailing\n"
      "HASH=a#b\n"
      "export EXPORTED=1\n"
      "SINGLE='$A # raw'\n"
      "DOUBLE=\"$A\\n\\\"x\\\" \\$A\"\n"
      "LINES=\"one\ntwo\"\n"
      "COLON: yes\n"
      "ALONE\n"
      "EMPTY_VALUE=\n"
      "REFERS=${PLAIN}-${A}\r\n",
      faults);
  EXPECT_TRUE(faults.ok()) << (faults.ok() ? "" : ToString(faults.errors()[0]));
  const EnvFile expected = {{"PLAIN", "value"},     {"HASH", "a#b"},           {"EXPORTED", "1"},
                            {"SINGLE", "$A # raw"}, {"DOUBLE", "a\n\"x\" $A"}, {"LINES", "one\ntwo"},
                            {"COLON", "yes"},       {"ALONE", std::nullopt},   {"EMPTY_VALUE", ""},
                            {"REFERS", "value-a"}};
  EXPECT_EQ(file, expected);
}

TEST(EnvFileTest, RawTakesTheTextAsItIs) {
  FaultList faults;
  EXPECT_EQ(Parse("A='$x' # y\n", faults, true).at("A"), "'$x' # y");
}

TEST(EnvFileTest, FaultsNameTheLine) {
  FaultList faults;
  Parse("OK=1\nnot a name=2\nOPEN=\"x\n", faults);
  ASSERT_EQ(faults.errors().size(), 2u);
  EXPECT_EQ(ToString(faults.errors()[0]), ".env:2:1: \"not a name\" is no variable name; write NAME=value");
  EXPECT_EQ(ToString(faults.errors()[1]), ".env:3:1: the value has no closing \"; add it");
}

}  // namespace
}  // namespace drover::compose
