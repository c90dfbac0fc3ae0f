#include "lib/compiler/load/field_path.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

// "<a><0>": keys and numbers apart.
std::string Steps(const std::string& path) {
  std::string out;
  for (const FieldStep& step : SplitFieldPath(path)) {
    absl::StrAppend(&out, "<", step.is_index ? absl::StrCat(step.index) : "'" + step.key, ">");
  }
  return out;
}

TEST(FieldPathTest, JoinsWhatAnAuthorWouldType) {
  EXPECT_EQ(JoinKey("", "spec"), "spec");
  EXPECT_EQ(JoinKey("spec", "policy-1_a"), "spec.policy-1_a");
  EXPECT_EQ(JoinIndex("spec.files", 3), "spec.files[3]");
  EXPECT_EQ(JoinKey(JoinIndex("", 3), "a"), "[3].a");
  EXPECT_EQ(JoinKey("labels", "a.b/c"), R"(labels["a.b/c"])");
  EXPECT_EQ(JoinKey("", ""), R"([""])");
}

TEST(FieldPathTest, SplitsWhatItJoined) {
  for (const std::string key :
       {"a", "a.b", "\"", "\\", "]", "[0]", "a\nb", "", "\xC3\xA9", "a\"]b"}) {
    EXPECT_EQ(Steps(JoinIndex(JoinKey("x", key), 7)), absl::StrCat("<'x><'", key, "><7>")) << key;
  }
}

TEST(FieldPathTest, StopsAtTheFirstMistake) {
  EXPECT_EQ(Steps("a[x].b"), "<'a>");
  EXPECT_EQ(Steps("a[1"), "<'a>");
  EXPECT_EQ(Steps("a[\"b"), "<'a>");
  EXPECT_EQ(Steps("a[\"b\\"), "<'a>");
  EXPECT_EQ(Steps("a..b"), "<'a>");
  EXPECT_EQ(Steps("a b"), "<'a>");
  EXPECT_EQ(Steps("[99999999999999999999]"), "");
}

TEST(FieldPathTest, CutsLongKeysBetweenCharacters) {
  const std::string path = JoinKey("", std::string(199, 'a') + "\xC3\xA9" + "b");
  EXPECT_EQ(path, absl::StrCat("[\"", std::string(199, 'a'), "...\"]"));
}

}  // namespace
}  // namespace varmor
