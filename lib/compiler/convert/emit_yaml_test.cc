#include "lib/compiler/convert/emit_yaml.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

DocumentNode Text(const std::string& text) {
  DocumentNode node;
  node.kind = DocumentNode::Kind::kScalar;
  node.scalar = text;
  return node;
}

// {key: text} as YAML.
std::string Emit(const std::string& key, const std::string& text) {
  DocumentNode root;
  root.kind = DocumentNode::Kind::kMapping;
  root.items.push_back(std::make_unique<DocumentNode>(Text(key)));
  root.items.push_back(std::make_unique<DocumentNode>(Text(text)));
  return EmitYaml(root);
}

struct TextCase {
  const char* text;
  const char* yaml;
};

constexpr TextCase kCases[] = {
    {"abc", "abc"},
    {"/etc/** w,", "\"/etc/** w,\""},
    {"deny /etc/a r,", "deny /etc/a r,"},
    {"10.0.0.0/8", "10.0.0.0/8"},
    {"::1", "\"::1\""},
    {"", "\"\""},
    {" a", "\" a\""},
    {"a ", "\"a \""},
    {"a: b", "\"a: b\""},
    {"a #b", "\"a #b\""},
    {"-", "\"-\""},
    {"true", "\"true\""},
    {"NO", "\"NO\""},
    {"y", "\"y\""},
    {"null", "\"null\""},
    {"~", "\"~\""},
    {"12", "\"12\""},
    {"0x1f", "\"0x1f\""},
    {"1e3", "\"1e3\""},
    {"2001-01-01", "\"2001-01-01\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"a\tb", "\"a\\tb\""},
    {"a\x01\x7f", "\"a\\x01\\x7f\""},
    {"\xC3\xA9", "\"\xC3\xA9\""},
    {"a\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF.", "\"a\\u0085\\u2028\\u2029\\ufeff.\""},
    {"a\nb\n", "|\n  a\n  b"},
    {"a\nb", "|-\n  a\n  b"},
    {"a\n\n\tb #\n", "|\n  a\n\n  \tb #"},
    // Blocks would not keep these.
    {"\n", "\"\\n\""},
    {"a\n\n", "\"a\\n\\n\""},
    {" a\nb\n", "\" a\\nb\\n\""},
    {"a\n  \nb\n", "\"a\\n  \\nb\\n\""},
    {"a\r\nb\r\n", "\"a\\x0d\\nb\\x0d\\n\""},
};

TEST(EmitYamlTest, QuotesWhatOtherwiseWouldNotStayText) {
  for (const TextCase& c : kCases) {
    EXPECT_EQ(Emit("k", c.text), absl::StrCat("k: ", c.yaml, "\n"));
  }
}

TEST(EmitYamlTest, TextComesBackByteForByte) {
  for (const TextCase& value : kCases) {
    for (const TextCase& key : kCases) {
      const std::string yaml = Emit(key.text, value.text);
      Diagnostics diagnostics;
      const ParsedDocuments parsed = ParseDocuments("f", yaml, {}, diagnostics);
      ASSERT_EQ(parsed.documents.size(), 1u) << yaml;
      EXPECT_EQ(diagnostics.size(), 0u) << yaml;
      const DocumentNode& root = *parsed.documents[0];
      ASSERT_EQ(root.items.size(), 2u) << yaml;
      EXPECT_EQ(root.items[0]->scalar, key.text) << yaml;
      EXPECT_EQ(root.items[1]->scalar, value.text) << yaml;
    }
  }
}

TEST(EmitYamlTest, LongKeysComeBack) {
  const std::string key(5000, 'k');
  Diagnostics diagnostics;
  const ParsedDocuments parsed = ParseDocuments("f", Emit(key, "v"), {}, diagnostics);
  ASSERT_EQ(parsed.documents.size(), 1u);
  ASSERT_NE(parsed.documents[0]->Find(key), nullptr);
  EXPECT_EQ(parsed.documents[0]->Find(key)->scalar, "v");
}

TEST(EmitYamlTest, NestsListsAndObjects) {
  const std::string yaml =
      "a:\n- - 1\n  - b: 2\n    c:\n    - x\n- []\n- {}\n- null\nd:\n  e:\n    f: |\n      g\n     "
      " h\n";
  Diagnostics diagnostics;
  const ParsedDocuments parsed = ParseDocuments("f", yaml, {}, diagnostics);
  ASSERT_EQ(parsed.documents.size(), 1u);
  EXPECT_EQ(EmitYaml(*parsed.documents[0]), yaml);
}

}  // namespace
}  // namespace varmor
