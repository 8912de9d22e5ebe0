#include "agent/runtime/sensors/http_answer.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace drover::agent {
namespace {

using Json = nlohmann::json;

// Series that an error names; more would not help to find the mistake.
constexpr size_t kSeriesNamed = 3;
constexpr size_t kLongestQuote = 200;

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::optional<Json> Parse(const std::string& body) {
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? std::nullopt : std::optional<Json>(std::move(json));
}

std::vector<std::string> StepsOf(const std::string& path) {
  if (path.empty()) {
    return {};
  }
  if (path[0] != '/') {
    return absl::StrSplit(path, '.');
  }
  std::vector<std::string> steps = absl::StrSplit(path.substr(1), '/');
  for (std::string& step : steps) {
    step = absl::StrReplaceAll(absl::StrReplaceAll(step, {{"~1", "/"}}), {{"~0", "~"}});
  }
  return steps;
}

// The element that `step` names; null: there is none.
const Json* ElementOf(const Json& json, const std::string& step) {
  if (json.is_object()) {
    const auto it = json.find(step);
    return it == json.end() ? nullptr : &*it;
  }
  size_t index = 0;
  if (json.is_array() && absl::SimpleAtoi(step, &index) && index < json.size()) {
    return &json[index];
  }
  return nullptr;
}

absl::StatusOr<double> Number(absl::string_view text, absl::string_view what) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) {
    return Wrong(absl::StrCat(what, " is \"", text.substr(0, kLongestQuote), "\", no number"));
  }
  if (!std::isfinite(value)) {
    return Wrong(
        absl::StrCat(what, " is ", text, ", which says nothing; guard it in the query or the source"));
  }
  return value;
}

std::string SeriesName(const Json& series) {
  const auto metric = series.find("metric");
  return metric == series.end() ? "?" : metric->dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The value of a pair [time, "text"].
absl::StatusOr<double> PairValue(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[1].is_string()) {
    return Wrong("an answer without [time, value]; is this a Prometheus server?");
  }
  return Number(pair[1].get_ref<const std::string&>(), "the query's value");
}

absl::StatusOr<double> VectorValue(const Json& result) {
  if (result.empty()) {
    return Wrong(
        "the query finds no series, which is unknown and not 0; check the names in it, or write `… or "
        "vector(0)` where no series means none waiting");
  }
  if (result.size() > 1) {
    std::vector<std::string> names;
    for (size_t i = 0; i < result.size() && i < kSeriesNamed; ++i) {
      names.push_back(SeriesName(result[i]));
    }
    return Wrong(absl::StrCat("the query gives ", result.size(), " series (", absl::StrJoin(names, ", "),
                              result.size() > kSeriesNamed ? ", …" : "",
                              "); write sum(…) or max(…) around it"));
  }
  const auto value = result[0].find("value");
  return value == result[0].end() ? absl::StatusOr<double>(Wrong("a series without a value"))
                                  : PairValue(*value);
}

}  // namespace

absl::StatusOr<double> NumberInJson(const std::string& body, const std::string& path) {
  const std::optional<Json> json = Parse(body);
  if (!json) {
    return Wrong("the answer is no JSON");
  }
  const Json* at = &*json;
  std::string walked;
  for (const std::string& step : StepsOf(path)) {
    const Json* next = ElementOf(*at, step);
    if (next == nullptr) {
      return Wrong(absl::StrCat("json path ", path, ": no \"", step, "\" ",
                                walked.empty() ? "in the answer" : absl::StrCat("below ", walked),
                                ", which is ", at->type_name(),
                                at->is_array() ? absl::StrCat(" of ", at->size()) : ""));
    }
    absl::StrAppend(&walked, "/", step);
    at = next;
  }
  if (at->is_string()) {
    return Number(at->get_ref<const std::string&>(), absl::StrCat("json path ", path));
  }
  if (!at->is_number()) {
    return Wrong(absl::StrCat("json path ", path, " is ", at->type_name(), ", no number"));
  }
  return at->get<double>();
}

absl::StatusOr<double> NumberInPrometheus(const std::string& body) {
  const std::optional<Json> json = Parse(body);
  if (!json || !json->is_object() || json->value("status", Json()) != "success" || !json->contains("data") ||
      !(*json)["data"].is_object()) {
    const std::string error = PrometheusError(body);
    return Wrong(error.empty() ? "the answer is none of Prometheus' HTTP API; is the address right?" : error);
  }
  const Json& data = (*json)["data"];
  const Json type = data.value("resultType", Json());
  const Json result = data.value("result", Json());
  if (type == "scalar") {
    return PairValue(result);
  }
  if (type == "vector" && result.is_array()) {
    return VectorValue(result);
  }
  return Wrong(absl::StrCat("the query gives a ",
                            type.is_string() ? type.get_ref<const std::string&>() : std::string("?"),
                            "; write one that gives a number now: a scalar, or a vector of one series"));
}

std::string PrometheusError(const std::string& body) {
  const std::optional<Json> json = Parse(body);
  if (!json || !json->is_object() || json->value("status", Json()) != "error") {
    return {};
  }
  const auto text = [&](const char* key) {
    const Json value = json->value(key, Json());
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  return absl::StrCat(text("errorType"), ": ", text("error").substr(0, kLongestQuote));
}

}  // namespace drover::agent
