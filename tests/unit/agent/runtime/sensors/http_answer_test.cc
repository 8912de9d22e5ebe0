#include "agent/runtime/sensors/http_answer.h"

#include "absl/strings/str_cat.h"
#include "agent/runtime/sensors/queue_source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace drover::agent {
namespace {

using ::testing::HasSubstr;

struct JsonCase {
  const char* body;
  const char* path;
  double value;
};

class NumberInJsonTest : public ::testing::TestWithParam<JsonCase> {};

TEST_P(NumberInJsonTest, IsFound) {
  const absl::StatusOr<double> value = NumberInJson(GetParam().body, GetParam().path);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_DOUBLE_EQ(*value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Paths, NumberInJsonTest,
    ::testing::Values(JsonCase{"7", "", 7}, JsonCase{"{\"a\": {\"b\": 2.5}}", "/a/b", 2.5},
                      JsonCase{"{\"a\": {\"b\": 1e3}}", "a.b", 1000},
                      JsonCase{"{\"a\": [4, 5, 6]}", "/a/1", 5},
                      JsonCase{"{\"a\": [{\"b\": 9}]}", "a.0.b", 9}, JsonCase{"{\"0\": 3}", "0", 3},
                      JsonCase{"{\"a/b\": {\"c~d\": 8}}", "/a~1b/c~0d", 8},
                      JsonCase{"{\"a.b\": 6}", "/a.b", 6}, JsonCase{"{\"\": 2}", "/", 2},
                      JsonCase{"{\"a\": \"12\"}", "a", 12}, JsonCase{"{\"a\": -3}", "a", -3},
                      JsonCase{"{\"a\": 18446744073709551615}", "a", 18446744073709551615.0}));

struct WrongCase {
  const char* body;
  const char* path;
  const char* error;
};

class NoNumberInJsonTest : public ::testing::TestWithParam<WrongCase> {};

TEST_P(NoNumberInJsonTest, R4_IsAnErrorAndNotZero) {
  const absl::StatusOr<double> value = NumberInJson(GetParam().body, GetParam().path);
  ASSERT_FALSE(value.ok()) << *value;
  EXPECT_THAT(std::string(value.status().message()), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, NoNumberInJsonTest,
    ::testing::Values(WrongCase{"", "/a", "no JSON"}, WrongCase{"<html>", "/a", "no JSON"},
                      WrongCase{"{\"a\": 1}", "/b", "json path /b: no \"b\" in the answer, which is object"},
                      WrongCase{"{\"a\": {\"b\": 1}}", "a.c", "no \"c\" below /a, which is object"},
                      WrongCase{"{\"a\": [1, 2]}", "a.2", "no \"2\" below /a, which is array of 2"},
                      WrongCase{"{\"a\": null}", "a", "json path a is null, no number"},
                      WrongCase{"{\"a\": true}", "a", "is boolean, no number"},
                      WrongCase{"{\"a\": \"many\"}", "a", "is \"many\", no number"},
                      WrongCase{"{\"a\": \"NaN\"}", "a", "says nothing"},
                      WrongCase{"{\"a\": \"\"}", "a", "no number"}, WrongCase{"1", "/a", "which is number"}));

// What goes into a report must be UTF-8, or the report as a whole cannot be read.
TEST(UnknownReadingTest, StrangersWordsBecomePrintableText) {
  EXPECT_EQ(UnknownReading("fine: sum(…) ü 🙂").error, "fine: sum(…) ü 🙂");
  EXPECT_EQ(UnknownReading("a\r\nb\x1b[31m\x7f").error, "a??b?[31m?");
  EXPECT_EQ(UnknownReading("\xff \xc3( \xe2\x82 \xc0\xaf \xed\xa0\x80 \xf5\x80").error, "? ?( ?? ?? ??? ??");
  const std::string most(499, 'x');
  EXPECT_EQ(UnknownReading(absl::StrCat(most, "…", "y")).error, absl::StrCat(most, "…"));
  EXPECT_FALSE(UnknownReading("x").known());
}

std::string Vector(const std::string& result) {
  return absl::StrCat("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[", result,
                      "]}}");
}

TEST(NumberInPrometheusTest, AScalarOrOneSeries) {
  EXPECT_EQ(*NumberInPrometheus(Vector("{\"metric\":{},\"value\":[1.5,\"42\"]}")), 42);
  EXPECT_EQ(*NumberInPrometheus(
                "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"0.5\"]}}"),
            0.5);
}

TEST(NumberInPrometheusTest, R4_AnythingElseIsAnErrorAndNotZero) {
  const auto error = [](const std::string& body) {
    return std::string(NumberInPrometheus(body).status().message());
  };
  EXPECT_THAT(error(Vector("")), HasSubstr("finds no series"));
  const std::string two =
      "{\"metric\":{\"q\":\"a\"},\"value\":[1,\"1\"]},{\"metric\":{\"q\":\"b\"},\"value\":[1,\"2\"]}";
  EXPECT_THAT(error(Vector(two)), HasSubstr("2 series ({\"q\":\"a\"}, {\"q\":\"b\"})"));
  for (const char* value : {"NaN", "+Inf", "-Inf"}) {
    EXPECT_THAT(error(Vector(absl::StrCat("{\"metric\":{},\"value\":[1,\"", value, "\"]}"))),
                HasSubstr("says nothing"));
  }
  for (const char* body : {"", "[]", "{}", "7", "{\"status\":\"success\"}",
                           "{\"status\":\"success\",\"data\":3}", "{\"status\":7,\"data\":{}}"}) {
    EXPECT_THAT(error(body), HasSubstr("none of Prometheus' HTTP API")) << body;
  }
  for (const char* series :
       {"3", "{}", "{\"value\":[]}", "{\"value\":[1,2]}", "{\"metric\":{},\"value\":\"x\"}"}) {
    EXPECT_FALSE(NumberInPrometheus(Vector(series)).ok()) << series;
  }
  EXPECT_THAT(error("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}"),
              HasSubstr("the query gives a matrix"));
  EXPECT_EQ(error("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}"),
            "bad_data: parse error");
}

}  // namespace
}  // namespace drover::agent
