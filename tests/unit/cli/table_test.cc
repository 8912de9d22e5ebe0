#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/client.h"

namespace drover::cli {
namespace {

TEST(TableTest, AlignsAndTrims) {
  Table table({{"NAME"}, {"COUNT", Table::Align::kRight}, {"STATUS"}}, false);
  table.AddRow({"web", "12", "fine"});
  table.AddRow({"thumbnailer", "3", ""});
  EXPECT_EQ(table.ToText(),
            "NAME         COUNT  STATUS\n"
            "web             12  fine\n"
            "thumbnailer      3  -\n");
}

TEST(TableTest, EmptyColumnsAreLeftOutAndTitlesStay) {
  Table table({{"A"}, {"B"}}, false);
  EXPECT_EQ(table.ToText(), "A  B\n");
  table.AddRow({"x", ""});
  EXPECT_EQ(table.ToText(), "A\nx\n");
}

TEST(TableTest, ColoursAndUmlautsDoNotCountAsColumns) {
  Table table({{"A"}, {"B"}}, true);
  table.AddRow({Paint("ü–ß", Color::kRed, true), "1"});
  table.AddRow({"abcd", "2"});
  EXPECT_EQ(table.ToText(),
            "\x1b[2mA\x1b[0m     \x1b[2mB\x1b[0m\n"
            "\x1b[31mü–ß\x1b[0m   1\n"
            "abcd  2\n");
}

TEST(TerminalTest, TruncatesByColumnsAndKeepsEscapes) {
  EXPECT_EQ(Truncate("aüc\x1b[31mdef\x1b[0m", 4), "aüc\x1b[31md\x1b[0m");
  EXPECT_EQ(DisplayWidth("aüc\x1b[31mdef\x1b[0m"), 6u);
}

TEST(TextTest, Quantities) {
  EXPECT_EQ(ShortDuration(absl::Seconds(119)), "119s");
  EXPECT_EQ(ShortDuration(absl::Seconds(120)), "2m");
  EXPECT_EQ(ShortDuration(absl::Hours(3)), "3h");
  EXPECT_EQ(ShortDuration(absl::Hours(72)), "3d");
  EXPECT_EQ(ShortDuration(-absl::Seconds(1)), "0s");
  EXPECT_EQ(CpuText(500), "0.5 CPU");
  EXPECT_EQ(BytesText(134217728), "128 MiB");
  EXPECT_EQ(BytesText(1610612736), "1.5 GiB");
  EXPECT_EQ(BytesText(100), "100 B");
  EXPECT_EQ(NumberText(12), "12");
  EXPECT_EQ(NumberText(0.256), "0.26");
}

TEST(ClientTest, QueryEncodesAndLeavesOutWhatIsEmpty) {
  EXPECT_EQ(Query({{"a", ""}, {"b", ""}}), "");
  EXPECT_EQ(Query({{"a", "1 2"}, {"b", ""}, {"c", "x/ü"}}), "?a=1%202&c=x%2f%c3%bc");
}

TEST(ClientTest, EventStreamsComeInPieces) {
  std::vector<std::string> got;
  SseParser parser;
  const auto take = [&](const std::string& data) {
    got.push_back(data);
    return data != "stop";
  };
  for (const char* piece :
       {": note\n\nid: 7\nda", "ta: one\n", "data: two\r\n", "\r\nevent: x\n\n", "data:three\n\n"}) {
    EXPECT_TRUE(parser.Feed(piece, take));
  }
  EXPECT_EQ(got, (std::vector<std::string>{"one\ntwo", "three"}));
  EXPECT_FALSE(parser.Feed("data: stop\n\ndata: never\n\n", take));
  EXPECT_EQ(got.size(), 3u);
}

}  // namespace
}  // namespace drover::cli
