#include "lib/compiler/diagnostic/diagnostic.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(DiagnosticTest, FormatsPlaceFieldProblemAndFix) {
  Diagnostics diagnostics;
  diagnostics.Error("unknown-mode", "spec.policy.mode", "unknown mode \"x\"", "write one");
  Diagnostic& d = diagnostics.mutable_list()[0];
  EXPECT_EQ(FormatDiagnostic(d),
            "error: spec.policy.mode: unknown mode \"x\" [unknown-mode]\n  fix: write one\n");
  d.file = "p.yaml";
  EXPECT_EQ(FormatDiagnostic(d),
            "p.yaml: error: spec.policy.mode: unknown mode \"x\" [unknown-mode]\n"
            "  fix: write one\n");
  d.place = {3, 7};
  d.fix = "";
  EXPECT_EQ(FormatDiagnostic(d),
            "p.yaml:3:7: error: spec.policy.mode: unknown mode \"x\" [unknown-mode]\n");
}

TEST(DiagnosticTest, LenientReadingTurnsOnlyStrictErrorsIntoWarnings) {
  for (const bool lenient : {false, true}) {
    Diagnostics diagnostics(lenient);
    diagnostics.StrictError("a", "", "p", "");
    EXPECT_EQ(diagnostics.HasErrors(), !lenient);
    EXPECT_TRUE(diagnostics.list()[0].from_strictness);
    diagnostics.Warning("b", "", "p", "");
    EXPECT_EQ(diagnostics.HasErrors(), !lenient);
    diagnostics.Error("c", "", "p", "");
    EXPECT_TRUE(diagnostics.HasErrors());
  }
}

TEST(DiagnosticTest, SortsByFileDocumentAndPlaceWithPlacelessOnesLast) {
  Diagnostics diagnostics;
  const auto add = [&](const char* code, const char* file, int document, TextPlace place) {
    Diagnostic d;
    d.code = code;
    d.file = file;
    d.document = document;
    d.place = place;
    diagnostics.Add(d);
  };
  add("none", "", 0, {});
  add("b-2", "b", 0, {2, 1});
  add("a-doc1", "a", 1, {9, 9});
  add("a-3-5", "a", 0, {3, 5});
  add("a-3-1", "a", 0, {3, 1});
  diagnostics.SortByPlace();
  std::string order;
  for (const Diagnostic& d : diagnostics.list()) order += d.code + " ";
  EXPECT_EQ(order, "a-3-1 a-3-5 a-doc1 b-2 none ");
}

TEST(DiagnosticTest, QuotesWhatATerminalMustNotSee) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("a\"b\\c\n\x1b[31m"), "\"a\\\"b\\\\c\\n\\x1b[31m\"");
  EXPECT_EQ(Quoted(std::string(100, 'x')), "\"" + std::string(80, 'x') + "...\"");
  // Cut before a sequence, not inside it.
  EXPECT_EQ(Quoted(std::string(79, 'x') + "\xC3\xA9" + "tail"),
            "\"" + std::string(79, 'x') + "...\"");
}

TEST(DiagnosticTest, FindsTheNearestWordOrNone) {
  const std::vector<std::string> words = {"deny", "audit", "disallow-mount"};
  EXPECT_EQ(NearestWord("dney", words), "deny");
  EXPECT_EQ(NearestWord("dnyy", words), "");
  EXPECT_EQ(NearestWord("Deny", words), "deny");
  EXPECT_EQ(NearestWord("den", words), "deny");
  EXPECT_EQ(NearestWord("disallow-muont", words), "disallow-mount");
  EXPECT_EQ(NearestWord("zebra", words), "");
  EXPECT_EQ(NearestWord("", words), "");
}

}  // namespace
}  // namespace varmor
