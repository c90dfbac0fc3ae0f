#include "lib/compiler/load/scalar.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

std::string Show(const ScalarValue& value) {
  switch (value.type) {
    case ScalarType::kText:
      return "text";
    case ScalarType::kBoolean:
      return value.boolean ? "true" : "false";
    case ScalarType::kInteger:
      return absl::StrCat(value.negative ? "-" : "", value.magnitude);
    case ScalarType::kFloat:
      return value.negative ? "-float" : "float";
  }
  return "?";
}

struct ScalarCase {
  const char* text;
  const char* want;
};

constexpr ScalarCase kCases[] = {
    {"true", "true"},
    {"True", "true"},
    {"TRUE", "true"},
    {"tRUE", "text"},
    {"yes", "true"},
    {"on", "true"},
    {"y", "true"},
    {"Y", "true"},
    {"false", "false"},
    {"No", "false"},
    {"OFF", "false"},
    {"n", "false"},
    {"oN", "text"},
    {"0", "0"},
    {"-0", "0"},
    {"+7", "7"},
    {"8080", "8080"},
    {"1_000", "1000"},
    {"0x1f", "31"},
    {"-0x1F", "-31"},
    {"0o17", "15"},
    {"017", "15"},
    {"0b101", "5"},
    {"00", "0"},
    {"0x", "text"},
    {"0xg", "text"},
    {"0o8", "text"},
    {"0b2", "text"},
    {"-", "text"},
    {"+", "text"},
    {"-_", "text"},
    {"_1", "text"},
    // No octal number, so a decimal one with a useless zero.
    {"08", "8"},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808"},
    {"18446744073709551615", "18446744073709551615"},
    {"18446744073709551616", "float"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"-9223372036854775809", "-float"},
    {"0xffffffffffffffff", "18446744073709551615"},
    {"0x10000000000000000", "text"},
    {"1.5", "float"},
    {"-1.5", "-float"},
    {"8.0", "8"},
    {"1e3", "1000"},
    {"1E+3", "1000"},
    {"1e", "text"},
    {"1e999", "float"},
    {".5", "float"},
    {"5.", "5"},
    {".", "text"},
    {"1e-3", "float"},
    {".inf", "float"},
    {"-.INF", "-float"},
    {".nan", "float"},
    {"inf", "text"},
    {"nan", "text"},
    {"1.2.3.4", "text"},
    {"10.0.0.0/8", "text"},
    {"1:30", "text"},
    {"2001-01-01", "text"},
    {"", "text"},
    {"abc", "text"},
    {"/etc/passwd", "text"},
    {"1 ", "text"},
};

TEST(ResolvePlainScalarTest, ReadsWordsAndNumbersAsKubernetesDoes) {
  for (const ScalarCase& c : kCases) {
    EXPECT_EQ(Show(ResolvePlainScalar(c.text)), c.want) << c.text;
  }
}

TEST(ResolvePlainScalarTest, TakesVeryLongNumbersForText) {
  EXPECT_EQ(Show(ResolvePlainScalar(std::string(401, '1'))), "text");
}

TEST(IsNullWordTest, KnowsTheFourSpellings) {
  for (const char* word : {"", "~", "null", "Null", "NULL"}) EXPECT_TRUE(IsNullWord(word)) << word;
  for (const char* word : {"nULL", "none", "nil", " "}) EXPECT_FALSE(IsNullWord(word)) << word;
}

}  // namespace
}  // namespace varmor
