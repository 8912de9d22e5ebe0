#include "common/cron.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

constexpr char kFormat[] = "%Y-%m-%d %H:%M%Ez";

absl::Time At(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(kFormat, text, &time, &error)) << error;
  return time;
}

struct Case {
  const char* name;
  const char* cron;
  const char* zone;
  const char* from;
  const char* next;
};

class CronTest : public testing::TestWithParam<Case> {};

TEST_P(CronTest, Next) {
  const Case& c = GetParam();
  const absl::StatusOr<Cron> cron = Cron::Parse(c.cron);
  ASSERT_TRUE(cron.ok()) << cron.status();
  const absl::StatusOr<absl::TimeZone> zone = FindTimeZone(c.zone);
  ASSERT_TRUE(zone.ok()) << zone.status();
  EXPECT_EQ(absl::FormatTime(kFormat, cron->Next(At(c.from), *zone), *zone), c.next);
}

constexpr char kBerlin[] = "Europe/Berlin";

INSTANTIATE_TEST_SUITE_P(
    Table, CronTest,
    testing::Values(
        Case{"daily", "0 8 * * *", "", "2026-03-04 07:59+00:00", "2026-03-04 08:00+00:00"},
        Case{"strictly_after", "0 8 * * *", "", "2026-03-04 08:00+00:00", "2026-03-05 08:00+00:00"},
        Case{"step", "*/15 * * * *", "", "2026-03-04 07:46+00:00", "2026-03-04 08:00+00:00"},
        Case{"range_with_step", "0 8-18/5 * * *", "", "2026-03-04 13:00+00:00", "2026-03-04 18:00+00:00"},
        Case{"open_step", "0 20/2 * * *", "", "2026-03-04 20:00+00:00", "2026-03-04 22:00+00:00"},
        Case{"weekdays", "0 8 * * MON-FRI", "", "2026-03-06 08:00+00:00", "2026-03-09 08:00+00:00"},
        Case{"sunday_is_7", "0 8 * * 7", "", "2026-03-06 08:00+00:00", "2026-03-08 08:00+00:00"},
        Case{"either_day", "0 0 13 * fri", "", "2026-03-07 00:00+00:00", "2026-03-13 00:00+00:00"},
        Case{"either_day_by_week", "0 0 20 * fri", "", "2026-03-07 00:00+00:00", "2026-03-13 00:00+00:00"},
        Case{"leap_day", "0 0 29 feb *", "", "2096-03-01 00:00+00:00", "2104-02-29 00:00+00:00"},
        Case{"end_of_year", "59 23 31 12 *", "", "2026-12-31 23:59+00:00", "2027-12-31 23:59+00:00"},
        Case{"zone", "0 8 * * *", kBerlin, "2026-01-10 06:59+00:00", "2026-01-10 08:00+01:00"},
        // 29 March 2026, 02:00 to 03:00 does not exist: at the step, and once.
        Case{"skipped", "30 2 * * *", kBerlin, "2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00"},
        Case{"after_skipped", "30 2 * * *", kBerlin, "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"},
        // 25 October 2026, 02:00 to 03:00 exists twice: the first.
        Case{"twice", "30 2 * * *", kBerlin, "2026-10-24 02:30+02:00", "2026-10-25 02:30+02:00"},
        Case{"not_again", "30 2 * * *", kBerlin, "2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"},
        // Midnight itself does not exist where summer time begins then.
        Case{"no_midnight", "0 0 * * *", "Africa/Cairo", "2026-04-23 12:00+02:00", "2026-04-24 01:00+03:00"}),
    [](const auto& test) { return test.param.name; });

TEST(CronTest, RefusesAndSaysWhatIsRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"0 8 * *", "has 4 fields; write minute, hour"},
      {"60 8 * * *", "\"60\" is no minute; write 0 to 59"},
      {"0 8-7 * * *", "\"8-7\" is no hour; write 0 to 23"},
      {"0 8 0 * *", "\"0\" is no day of month; write 1 to 31"},
      {"0 8 * smarch *", "\"smarch\" is no month; write 1 to 12"},
      {"0 8 * * 8", "\"8\" is no day of week; write 0 to 7"},
      {"*/0 8 * * *", "\"*/0\" is no minute"},
      {"1,,2 8 * * *", "\"\" is no minute"},
      {"-1 8 * * *", "\"-1\" is no minute"},
      {"0 0 30 2 *", "never comes"}};
  for (const auto& [text, error] : cases) {
    const absl::StatusOr<Cron> cron = Cron::Parse(text);
    ASSERT_FALSE(cron.ok()) << text;
    EXPECT_NE(cron.status().message().find(error), absl::string_view::npos) << cron.status();
  }
  for (const char* name : {"Mars/Olympus", "/etc/localtime", "../UTC", "libc:localtime"}) {
    EXPECT_FALSE(FindTimeZone(name).ok()) << name;
  }
}

}  // namespace
}  // namespace drover
