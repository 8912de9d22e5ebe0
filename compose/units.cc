#include "compose/units.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace drover::compose {
namespace {

absl::Status Invalid(absl::string_view text, absl::string_view what, absl::string_view right) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ", what, "; write ", right));
}

// Takes a decimal number from the front of `text`.
bool ConsumeNumber(absl::string_view* text, double* number) {
  size_t n = 0;
  while (n < text->size() &&
         (absl::ascii_isdigit(static_cast<unsigned char>((*text)[n])) || (*text)[n] == '.')) {
    ++n;
  }
  if (n == 0 || !absl::SimpleAtod(text->substr(0, n), number)) {
    return false;
  }
  text->remove_prefix(n);
  return true;
}

bool ConsumeUnit(absl::string_view* text, absl::Duration* unit) {
  struct Unit {
    absl::string_view name;
    absl::Duration length;
  };

  static const Unit kUnits[] = {
      {"ns", absl::Nanoseconds(1)},  {"us", absl::Microseconds(1)}, {"µs", absl::Microseconds(1)},
      {"ms", absl::Milliseconds(1)}, {"s", absl::Seconds(1)},       {"m", absl::Minutes(1)},
      {"h", absl::Hours(1)},         {"d", absl::Hours(24)},        {"w", absl::Hours(24 * 7)}};
  for (const Unit& candidate : kUnits) {
    if (absl::ConsumePrefix(text, candidate.name)) {
      *unit = candidate.length;
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  absl::Duration sum;
  double number = 0;
  absl::Duration unit;
  if (rest == "0") {
    return sum;
  }
  if (absl::SimpleAtod(rest, &number)) {
    return Invalid(text, "duration, its unit is missing", absl::StrCat("\"", rest, "s\" for seconds"));
  }
  if (rest.empty()) {
    return Invalid(text, "duration", "for example \"30s\" or \"1m30s\"");
  }
  while (!rest.empty()) {
    if (!ConsumeNumber(&rest, &number) || !ConsumeUnit(&rest, &unit)) {
      return Invalid(text, "duration", "for example \"30s\" or \"1m30s\" (units us, ms, s, m, h, d, w)");
    }
    sum += number * unit;
  }
  return sum;
}

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  double number = 0;
  const std::string right = "for example \"512M\" or \"1.5G\" (units b, k, m, g, t)";
  if (!ConsumeNumber(&rest, &number)) {
    return Invalid(text, "size", right);
  }
  std::string unit = absl::AsciiStrToLower(absl::StripAsciiWhitespace(rest));
  if (unit.size() > 1 && absl::EndsWith(unit, "ib")) {
    unit.resize(unit.size() - 2);
  } else if (unit.size() > 1 && absl::EndsWith(unit, "b")) {
    unit.resize(unit.size() - 1);
  }
  const std::string units = "bkmgtp";
  const size_t power = unit.empty() ? 0 : units.find(unit);
  if (unit.size() > 1 || power == std::string::npos) {
    return Invalid(text, "size", right);
  }
  const double bytes = std::floor(number * std::pow(1024.0, static_cast<double>(power)));
  if (bytes >= 9e18) {
    return Invalid(text, "size that fits", right);
  }
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<int64_t> ParseMilliCpu(absl::string_view text) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number) || number < 0 || number > 1e6) {
    return Invalid(text, "number of CPUs", "for example \"0.5\" or \"2\"");
  }
  return static_cast<int64_t>(std::llround(number * 1000));
}

absl::StatusOr<double> ParsePercent(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  absl::ConsumeSuffix(&rest, "%");
  double number = 0;
  if (!absl::SimpleAtod(rest, &number) || !std::isfinite(number)) {
    return Invalid(text, "percentage", "for example \"60%\"");
  }
  return number;
}

absl::StatusOr<double> ParseNumber(absl::string_view text) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
    return Invalid(text, "number", "for example 10 or 0.5");
  }
  return number;
}

absl::StatusOr<std::vector<std::string>> SplitWords(absl::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size();
    if (escapes && (quote == '\0' || text[i + 1] == '"' || text[i + 1] == '\\')) {
      word += text[++i];
      in_word = true;
    } else if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      if (in_word) {
        words.push_back(std::move(word));
      }
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') {
    return absl::InvalidArgumentError(
        absl::StrCat("a quote is not closed in \"", text, "\"; add the closing ", std::string(1, quote)));
  }
  if (in_word) {
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace drover::compose
