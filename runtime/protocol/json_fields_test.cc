#include "runtime/protocol/json_fields.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(JsonFieldsTest, ReadsWhatIsThere) {
  const Json object = Json::parse(R"({"a": {"text": "x", "yes": true, "n": -3, "list": [1]}})");
  std::vector<std::string> problems;
  const JsonFields fields = JsonFields(object, "", problems).Child("a");
  EXPECT_EQ(fields.RequiredText("text"), "x");
  EXPECT_TRUE(fields.Bool("yes"));
  EXPECT_EQ(fields.Number("n"), -3);
  EXPECT_EQ(fields.List("list").size(), 1u);
  EXPECT_THAT(problems, IsEmpty());
}

TEST(JsonFieldsTest, AbsentAndNullAreEmpty) {
  const Json object = Json::parse(R"({"null": null})");
  std::vector<std::string> problems;
  const JsonFields fields(object, "", problems);
  for (const char* key : {"null", "absent"}) {
    EXPECT_FALSE(fields.Has(key));
    EXPECT_EQ(fields.Text(key), "");
    EXPECT_FALSE(fields.Bool(key));
    EXPECT_EQ(fields.Number(key, 5, 6), 0);
    EXPECT_TRUE(fields.List(key).empty());
    EXPECT_TRUE(fields.Child(key).value().empty());
  }
  EXPECT_THAT(problems, IsEmpty());
}

TEST(JsonFieldsTest, KeepsEveryProblemWithItsPlace) {
  const Json object = Json::parse(
      R"({"a": {"text": 1, "yes": "no", "n": 1.5, "big": 18446744073709551615, "far": 9, "list": {},
                "child": [], "empty": ""}})");
  std::vector<std::string> problems;
  const JsonFields fields = JsonFields(object, "", problems).Child("a");
  fields.Text("text");
  fields.Bool("yes");
  fields.Number("n");
  fields.Number("big");
  fields.Number("far", 0, 8);
  fields.List("list");
  fields.Child("child");
  fields.RequiredText("empty");
  fields.RequiredText("missing");
  fields.RequiredText("text");
  EXPECT_THAT(
      problems,
      ElementsAre("a.text: is number, not string", "a.yes: is string, not boolean",
                  "a.n: is not a whole number of 64 bits",
                  "a.big: is not a whole number of 64 bits", "a.far: is 9, not from 0 to 8",
                  "a.list: is object, not array", "a.child: is array, not object",
                  "a.empty: is empty", "a.missing: is missing", "a.text: is number, not string"));
  EXPECT_EQ(ProblemsStatus("it", {"x", "y"}), absl::InvalidArgumentError("it: x; y"));
}

TEST(JsonFieldsTest, LimitsWhatIsParsed) {
  EXPECT_TRUE(CheckJsonLimits(R"({"a": ["[[[,,,\"[", {}]})").ok());
  std::string most = "[0";
  for (int i = 2; i < kJsonValueLimit; ++i) most += ",0";
  EXPECT_TRUE(CheckJsonLimits(most + "]").ok());
  EXPECT_EQ(CheckJsonLimits(most + ",0]").message(), "has more than 200000 values");
  EXPECT_TRUE(CheckJsonLimits(std::string(500, '[')).ok());
  EXPECT_EQ(CheckJsonLimits(std::string(501, '[')).message(), "nests deeper than 500 levels");
}

TEST(JsonFieldsTest, TextSurvivesBytesThatAreNotUtf8) {
  EXPECT_EQ(JsonText({{"b", "\xff"}, {"a", 1}}), "{\"a\":1,\"b\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace varmor
