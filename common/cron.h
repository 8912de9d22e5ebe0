// Cron expressions of five fields, in a time zone: when they come next. No clock: the instant to look from
// is an argument.
//
//   minute hour day-of-month month day-of-week      0 8 * * MON-FRI
//
// `*`, numbers, names (JAN, MON; any case), ranges, lists, steps (`*/15`, `8-18/2`); Sunday is 0 or 7.
// With both days restricted either one matches, as in Vixie's cron. Daylight saving: a local time that does
// not exist comes at the moment of the step; one that exists twice comes at its first.
#pragma once

#include <bitset>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace drover {

class Cron {
 public:
  // InvalidArgument says what is wrong and what would be right; also for an expression that never comes
  // (30 February).
  static absl::StatusOr<Cron> Parse(absl::string_view text);

  // The first time after `from` (strictly). InfiniteFuture when there is none within eight years.
  absl::Time Next(absl::Time from, const absl::TimeZone& zone) const;

  // As it was written.
  const std::string& text() const { return text_; }

  friend bool operator==(const Cron& a, const Cron& b) { return a.text_ == b.text_; }

 private:
  bool MatchesDay(absl::CivilDay day) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;  // 0: Sunday
  bool any_day_ = false;     // day-of-month is `*`
  bool any_weekday_ = false;
};

// The zone of an IANA name, or what would be right. Empty: UTC. Reads the system's zone files.
absl::StatusOr<absl::TimeZone> FindTimeZone(const std::string& name);

}  // namespace drover
