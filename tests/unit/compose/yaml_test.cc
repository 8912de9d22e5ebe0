#include "compose/yaml.h"

#include <gtest/gtest.h>

namespace drover::compose {
namespace {

class YamlTest : public testing::Test {
 protected:
  Node Parse(const std::string& text) {
    auto documents = ParseYaml(text, source_, faults_);
    return documents.empty() ? Node() : documents[0];
  }

  std::string FirstFault() { return faults_.errors().empty() ? "" : ToString(faults_.errors()[0]); }

  FaultList faults_;
  std::shared_ptr<const Source> source_ =
      std::make_shared<const Source>(Source{.name = "f.yaml", .base_dir = "/"});
};

TEST_F(YamlTest, KeepsPlacesAndText) {
  const Node root = Parse("a:\n  - 22:22\n  - \"no\"\nb: ~\n");
  EXPECT_EQ(root.Find("a")->items[0].text, "22:22");
  EXPECT_EQ(root.Find("a")->items[1].text, "no");
  EXPECT_EQ(root.Find("a")->items[1].mark.line, 3);
  EXPECT_EQ(root.Find("a")->items[1].mark.column, 5);
  EXPECT_TRUE(root.Find("b")->is_null());
}

TEST_F(YamlTest, MergeKeysAreShallowAndTheFirstWins) {
  const Node root = Parse(
      "x: &x {a: 1, deep: {p: 1}}\n"
      "y: &y {a: 2, b: 2}\n"
      "z:\n  <<: [*x, *y]\n  deep: {q: 2}\n");
  const Node* z = root.Find("z");
  EXPECT_EQ(z->Find("a")->text, "1");
  EXPECT_EQ(z->Find("b")->text, "2");
  EXPECT_EQ(z->Find("deep")->Find("q")->text, "2");
  EXPECT_EQ(z->Find("deep")->Find("p"), nullptr);
  EXPECT_EQ(z->Find("<<"), nullptr);
}

TEST_F(YamlTest, OwnTagsAreKept) {
  const Node root = Parse("a: !reset null\nb: !override [1]\nc: !other x\n");
  EXPECT_EQ(root.Find("a")->tag, "!reset");
  EXPECT_EQ(root.Find("b")->tag, "!override");
  EXPECT_EQ(root.Find("c")->tag, "");
}

TEST_F(YamlTest, BrokenYamlNamesThePlace) {
  Parse("a: [1, 2\nb: 3\n");
  EXPECT_EQ(FirstFault().substr(0, 9), "f.yaml:2:") << FirstFault();
}

TEST_F(YamlTest, DuplicateKeys) {
  Parse("a: 1\na: 2\n");
  EXPECT_EQ(FirstFault(), "f.yaml:2:1: key \"a\" is written twice, first in line 1; keep one of them");
}

TEST_F(YamlTest, UnknownAnchorsAndSelfReference) {
  Parse("a: *nothing\n");
  EXPECT_NE(FirstFault().find("f.yaml:1:"), std::string::npos);
  faults_ = FaultList();
  Parse("a: &a {b: *a}\n");
  EXPECT_NE(FirstFault().find("an anchor must end before it is used"), std::string::npos);
}

TEST_F(YamlTest, ExpansionIsBounded) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string n = std::to_string(i);
    const std::string p = "*a" + std::to_string(i - 1);
    text += "a" + n + ": &a" + n + " [" + p + "," + p + "," + p + "," + p + "," + p + "," + p + "," + p +
            "," + p + "]\n";
  }
  Parse(text);
  EXPECT_NE(FirstFault().find("more than a million values"), std::string::npos) << FirstFault();
}

// The parser of yaml-cpp 0.7 finds one empty document after another in this text.
TEST_F(YamlTest, ATextWithoutEndIsAFault) {
  Parse("\n ,    max_wait: 30s\nidly: kpa\nmin: \x8d\xce [{queue:0 \n");
  EXPECT_EQ(FirstFault(), "f.yaml:1:1: this is not YAML: it has more documents than characters");
}

}  // namespace
}  // namespace drover::compose
