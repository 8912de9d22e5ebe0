#include "common/cron.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"

namespace drover {
namespace {

constexpr int kSearchDays = 8 * 366;  // 29 February can be eight years away

struct Field {
  const char* name;
  int least;
  int most;
  std::vector<absl::string_view> names;  // of `least` and on
};

const Field kFields[] = {
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of month", 1, 31, {}},
    {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
    {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};

absl::Status Wrong(const Field& field, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ", field.name, "; write ", field.least,
                                                 " to ", field.most,
                                                 ", a range, a list, or * with or without a step"));
}

absl::StatusOr<int> ParseNumber(const Field& field, absl::string_view text, absl::string_view whole) {
  for (size_t i = 0; i < field.names.size(); ++i) {
    if (absl::EqualsIgnoreCase(text, field.names[i])) {
      return field.least + static_cast<int>(i);
    }
  }
  int number = 0;
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(text, &number) || number < field.least || number > field.most) {
    return Wrong(field, whole);
  }
  return number;
}

// One element of a list into `bits`.
template <size_t N>
absl::Status ParseElement(const Field& field, absl::string_view text, std::bitset<N>& bits) {
  const std::vector<absl::string_view> step_parts = absl::StrSplit(text, '/');
  int step = 1;
  if (step_parts.size() > 2 ||
      (step_parts.size() == 2 && (!absl::SimpleAtoi(step_parts[1], &step) || step < 1))) {
    return Wrong(field, text);
  }
  int first = field.least;
  int last = field.most;
  if (step_parts[0] != "*") {
    const std::vector<absl::string_view> ends = absl::StrSplit(step_parts[0], '-');
    if (ends.size() > 2) {
      return Wrong(field, text);
    }
    ASSIGN_OR_RETURN(first, ParseNumber(field, ends[0], text));
    if (ends.size() == 2) {
      ASSIGN_OR_RETURN(last, ParseNumber(field, ends[1], text));
    } else if (step_parts.size() == 1) {
      last = first;
    }
    if (last < first) {
      return Wrong(field, text);
    }
  }
  for (int i = first; i <= last; i += step) {
    bits.set(static_cast<size_t>(i));
  }
  return absl::OkStatus();
}

template <size_t N>
absl::Status ParseField(const Field& field, absl::string_view text, std::bitset<N>& bits) {
  for (const absl::string_view element : absl::StrSplit(text, ',')) {
    RETURN_IF_ERROR(ParseElement(field, element, bits));
  }
  return absl::OkStatus();
}

// The moment at which a local time comes.
absl::Time MomentOf(absl::CivilMinute local, const absl::TimeZone& zone) {
  const absl::TimeZone::TimeInfo info = zone.At(absl::CivilSecond(local));
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
}

}  // namespace

absl::StatusOr<Cron> Cron::Parse(absl::string_view text) {
  const std::vector<absl::string_view> fields = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (fields.size() != 5) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" has ", fields.size(),
                     " fields; write minute, hour, day of month, month, day of week: \"0 8 * * MON-FRI\""));
  }
  Cron cron;
  cron.text_ = std::string(text);
  std::bitset<8> weekdays;
  RETURN_IF_ERROR(ParseField(kFields[0], fields[0], cron.minutes_));
  RETURN_IF_ERROR(ParseField(kFields[1], fields[1], cron.hours_));
  RETURN_IF_ERROR(ParseField(kFields[2], fields[2], cron.days_));
  RETURN_IF_ERROR(ParseField(kFields[3], fields[3], cron.months_));
  RETURN_IF_ERROR(ParseField(kFields[4], fields[4], weekdays));
  for (size_t i = 0; i < 7; ++i) {
    cron.weekdays_.set(i, weekdays.test(i) || (i == 0 && weekdays.test(7)));
  }
  cron.any_day_ = absl::StartsWith(fields[2], "*");
  cron.any_weekday_ = absl::StartsWith(fields[4], "*");
  if (cron.Next(absl::UnixEpoch(), absl::UTCTimeZone()) == absl::InfiniteFuture()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" never comes; write a day that its months have"));
  }
  return cron;
}

bool Cron::MatchesDay(absl::CivilDay day) const {
  if (!months_.test(static_cast<size_t>(day.month()))) {
    return false;
  }
  const bool in_month = days_.test(static_cast<size_t>(day.day()));
  // absl counts weekdays from Monday.
  const bool in_week = weekdays_.test((static_cast<size_t>(absl::GetWeekday(day)) + 1) % 7);
  if (any_day_ || any_weekday_) {
    return in_month && in_week;
  }
  return in_month || in_week;
}

absl::Time Cron::Next(absl::Time from, const absl::TimeZone& zone) const {
  // A step of the zone can move a time across midnight: begin a day before.
  absl::CivilDay day = absl::CivilDay(zone.At(from).cs) - 1;
  for (int i = 0; i < kSearchDays; ++i, ++day) {
    if (!MatchesDay(day)) {
      continue;
    }
    for (int hour = 0; hour < 24; ++hour) {
      for (int minute = 0; hours_.test(static_cast<size_t>(hour)) && minute < 60; ++minute) {
        if (!minutes_.test(static_cast<size_t>(minute))) {
          continue;
        }
        const absl::Time moment =
            MomentOf(absl::CivilMinute(day.year(), day.month(), day.day(), hour, minute), zone);
        if (moment > from) {
          return moment;
        }
      }
    }
  }
  return absl::InfiniteFuture();
}

absl::StatusOr<absl::TimeZone> FindTimeZone(const std::string& name) {
  absl::TimeZone zone = absl::UTCTimeZone();
  // absl also takes "libc:…" and fixed offsets; and a path would name any file.
  const bool plain =
      !absl::StartsWith(name, "/") && !absl::StrContains(name, "..") && !absl::StrContains(name, ':');
  if (name.empty() || (plain && absl::LoadTimeZone(name, &zone))) {
    return zone;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no time zone; write an IANA name, for example Europe/Berlin"));
}

}  // namespace drover
