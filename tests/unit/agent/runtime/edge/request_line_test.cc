#include "agent/runtime/edge/request_line.h"

#include "gtest/gtest.h"

namespace drover::agent {
namespace {

constexpr Duration kMs = absl::Milliseconds(1);

TEST(RequestLineTest, TheShortFormat) {
  const auto line = ReadHaproxyLine("shop.web.8000/drv2 3/507/1/10/522 200\n");
  ASSERT_TRUE(line && line->times);
  EXPECT_EQ(line->backend, "shop.web.8000");
  EXPECT_EQ(line->times->answered, 519 * kMs) << "without the 3 ms in which the client sent it";
  EXPECT_EQ(line->times->replica, 12 * kMs) << "without the wait";
}

// What comes after the times, the client wrote: it is not looked at.
TEST(RequestLineTest, OptionHttplog) {
  const auto line = ReadHaproxyLine(
      "127.0.0.1:52530 [23/Nov/2026:11:29:34.056] f web/s1 0/0/0/7/8 200 124 - - ---- 1/1/0/0/0 0/0 "
      "\"GET /x/y other/s1 0/0/0/0/0 200 HTTP/1.1\"\n");
  ASSERT_TRUE(line && line->times);
  EXPECT_EQ(line->backend, "web");
  EXPECT_EQ(line->times->replica, 8 * kMs);
}

TEST(RequestLineTest, WhatNeverCameToAReplicaHasNoTimes) {
  for (const char* text : {"web/<NOSRV> 0/-1/-1/-1/0 503", "web/<NOSRV> 1054/-1/-1/-1/1054 503",
                           "web/drv1 0/2/-1/-1/3002 503", "web/drv1 0/0/0/1/86400000 101"}) {
    const auto line = ReadHaproxyLine(text);
    ASSERT_TRUE(line) << text;
    EXPECT_FALSE(line->times) << text;
    EXPECT_EQ(line->backend, "web");
  }
  const auto late = ReadHaproxyLine("web/drv1 0/0/0/-1/2002 504");
  ASSERT_TRUE(late && late->times) << "it took at least so long";
  EXPECT_EQ(late->times->replica, 2002 * kMs);
  EXPECT_TRUE(ReadHaproxyLine("web/drv1 0/0/0/5/+5 200")->times);
}

TEST(RequestLineTest, OtherLinesAreNone) {
  for (const char* text : {"", "\n", "Proxy web started.", "web/s1 0/0/0/0 200", "web/s1 0/0/0/0/x 200",
                           "0/0/0/0/0 200", "web/s1 0/0/0/0/0", "Server web/s1 is UP, 1/2/3/4/5 x"}) {
    EXPECT_FALSE(ReadHaproxyLine(text)) << text;
    EXPECT_FALSE(ReadNginxLine(text, 7420)) << text;
  }
  EXPECT_FALSE(ReadNginxLine("<190>Nov 23 11:24:11 nginx: drover shop.web.8000", 7420));
}

TEST(RequestLineTest, Nginx) {
  const auto line =
      ReadNginxLine("<190>Nov 23 11:24:11 nginx: drover shop.web.8000 200 10.0.0.5:20001 0.051", 7420);
  ASSERT_TRUE(line && line->times);
  EXPECT_EQ(line->backend, "shop.web.8000");
  EXPECT_EQ(line->times->answered, 51 * kMs);
  EXPECT_EQ(line->times->replica, 51 * kMs);
  const auto again = ReadNginxLine(
      "<190>Nov 23 11:24:11 nginx: drover web 502 10.0.0.5:20001, 10.0.0.6:20001 : - 1.000, 0.020 : -", 7420);
  ASSERT_TRUE(again && again->times);
  EXPECT_EQ(again->times->answered, 1020 * kMs);
  const auto refused = ReadNginxLine("<190>Nov 23 11:24:11 nginx: drover web 503 127.0.0.1:7420 0.000", 7420);
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->times) << "nginx answered for want of a replica";
  const auto none = ReadNginxLine("<190>Nov 23 11:24:11 nginx: drover web 499 - -", 7420);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->times);
  EXPECT_FALSE(ReadNginxLine("<190>Nov 23 11:24:11 nginx: drover web 101 10.0.0.5:20001 60.0", 7420)->times);
}

}  // namespace
}  // namespace drover::agent
