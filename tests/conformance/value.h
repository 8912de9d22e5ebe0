// A value of a case file together with its place, for exact reading: whole numbers are int64_t, never
// doubles; null and absent are the same; what has the wrong type is refused by place.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace drover::conformance {

// A case file that cannot be used: what() begins with the place.
class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Value {
 public:
  Value(const nlohmann::json* json, std::string place) : json_(json), place_(std::move(place)) {}

  bool given() const { return json_ != nullptr && !json_->is_null(); }

  const std::string& place() const { return place_; }

  // A member of an object; not given where it is absent or null.
  Value operator[](const std::string& key) const;

  // Of a value that must be there.
  int64_t Int() const;
  double Number() const;
  bool Bool() const;
  std::string Text() const;
  absl::Duration Seconds() const;  // fractions allowed
  std::vector<Value> List() const;
  std::vector<std::pair<std::string, Value>> Members() const;

  // Of a value that may be absent.
  std::optional<int64_t> MaybeInt() const;
  std::optional<bool> MaybeBool() const;
  std::optional<double> MaybeNumber() const;
  std::optional<std::string> MaybeText() const;
  std::optional<absl::Duration> MaybeSeconds() const;
  std::vector<Value> MaybeList() const;

  // "PLACE: what", for a value that is of the right type and wrong all the same.
  [[noreturn]] void Refuse(const std::string& what) const;

 private:
  const nlohmann::json& Need(const char* what, bool (nlohmann::json::*is)() const noexcept) const;

  const nlohmann::json* json_;
  std::string place_;
};

// Collects what was got and differs from what was expected. Not given: not to be checked.
class Verdict {
 public:
  void Int(const char* name, std::optional<int64_t> got, const Value& expected, int64_t slack = 0);
  void Number(const char* name, std::optional<double> got, const Value& expected, double slack);
  void Bool(const char* name, std::optional<bool> got, const Value& expected);
  void Text(const char* name, const std::string& got, const Value& expected);
  // In any order.
  void Names(const char* name, std::vector<std::string> got, const Value& expected);

  void Fail(const std::string& what) { faults_.push_back(what); }

  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void Differs(const char* name, const std::string& got, const std::string& expected);

  std::vector<std::string> faults_;
};

}  // namespace drover::conformance
