#include "tests/conformance/value.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_join.h"

namespace drover::conformance {

using nlohmann::json;

Value Value::operator[](const std::string& key) const {
  const json& object = Need("an object", &json::is_object);
  const auto it = object.find(key);
  return {it == object.end() ? nullptr : &*it, absl::StrCat(place_, place_.empty() ? "" : ".", key)};
}

const json& Value::Need(const char* what, bool (json::*is)() const noexcept) const {
  if (!given()) {
    Refuse(absl::StrCat("is missing; write ", what));
  }
  if (!(json_->*is)()) {
    Refuse(absl::StrCat("is ", json_->dump().substr(0, 40), "; write ", what));
  }
  return *json_;
}

void Value::Refuse(const std::string& what) const { throw Malformed(absl::StrCat(place_, ": ", what)); }

int64_t Value::Int() const {
  const json& value = Need("a whole number", &json::is_number);
  if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
    Refuse("is above 9223372036854775807; write a signed 64-bit number");
  }
  if (value.is_number_float()) {
    const double x = value.get<double>();
    if (x != std::floor(x) || std::abs(x) >= 9007199254740992.0) {
      Refuse(absl::StrCat("is ", value.dump(), "; write a whole number"));
    }
    return static_cast<int64_t>(x);
  }
  return value.get<int64_t>();
}

double Value::Number() const { return Need("a number", &json::is_number).get<double>(); }

bool Value::Bool() const { return Need("true or false", &json::is_boolean).get<bool>(); }

std::string Value::Text() const { return Need("a string", &json::is_string).get<std::string>(); }

absl::Duration Value::Seconds() const { return absl::Seconds(Number()); }

std::vector<Value> Value::List() const {
  const json& list = Need("a list", &json::is_array);
  std::vector<Value> values;
  for (size_t i = 0; i < list.size(); ++i) {
    values.emplace_back(&list[i], absl::StrCat(place_, "[", i, "]"));
  }
  return values;
}

std::vector<std::pair<std::string, Value>> Value::Members() const {
  std::vector<std::pair<std::string, Value>> members;
  for (const auto& [key, value] : Need("an object", &json::is_object).items()) {
    members.emplace_back(key, Value(&value, absl::StrCat(place_, ".", key)));
  }
  return members;
}

std::optional<int64_t> Value::MaybeInt() const { return given() ? std::optional(Int()) : std::nullopt; }

std::optional<bool> Value::MaybeBool() const { return given() ? std::optional(Bool()) : std::nullopt; }

std::optional<double> Value::MaybeNumber() const { return given() ? std::optional(Number()) : std::nullopt; }

std::optional<std::string> Value::MaybeText() const { return given() ? std::optional(Text()) : std::nullopt; }

std::optional<absl::Duration> Value::MaybeSeconds() const {
  return given() ? std::optional(Seconds()) : std::nullopt;
}

std::vector<Value> Value::MaybeList() const { return given() ? List() : std::vector<Value>(); }

void Verdict::Differs(const char* name, const std::string& got, const std::string& expected) {
  faults_.push_back(absl::StrCat(name, " ", got, ", expected ", expected));
}

void Verdict::Int(const char* name, std::optional<int64_t> got, const Value& expected, int64_t slack) {
  if (!expected.given()) {
    return;
  }
  const int64_t want = expected.Int();
  if (!got || *got > want + slack || *got < want - slack) {
    Differs(name, got ? absl::StrCat(*got) : "nothing", absl::StrCat(want));
  }
}

void Verdict::Number(const char* name, std::optional<double> got, const Value& expected, double slack) {
  if (expected.given() && (!got || !(std::abs(*got - expected.Number()) <= slack))) {
    Differs(name, got ? absl::StrCat(*got) : "nothing", absl::StrCat(expected.Number()));
  }
}

void Verdict::Bool(const char* name, std::optional<bool> got, const Value& expected) {
  if (expected.given() && got != expected.Bool()) {
    Differs(name, !got ? "nothing" : *got ? "true" : "false", expected.Bool() ? "true" : "false");
  }
}

void Verdict::Text(const char* name, const std::string& got, const Value& expected) {
  if (expected.given() && got != expected.Text()) {
    Differs(name, got.empty() ? "nothing" : got, expected.Text());
  }
}

void Verdict::Names(const char* name, std::vector<std::string> got, const Value& expected) {
  if (!expected.given()) {
    return;
  }
  std::vector<std::string> want;
  for (const Value& one : expected.List()) {
    want.push_back(one.Text());
  }
  std::sort(got.begin(), got.end());
  std::sort(want.begin(), want.end());
  if (got != want) {
    Differs(name, absl::StrCat("[", absl::StrJoin(got, " "), "]"),
            absl::StrCat("[", absl::StrJoin(want, " "), "]"));
  }
}

}  // namespace drover::conformance
