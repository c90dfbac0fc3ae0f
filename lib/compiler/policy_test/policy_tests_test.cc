#include "lib/compiler/policy_test/policy_tests.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

constexpr char kHead[] = "kind: PolicyTest\npolicy: web.yaml\n";

std::string Mistakes(const std::string& text) {
  Diagnostics diagnostics;
  ReadPolicyTests({"t.yaml", text}, diagnostics);
  std::string out;
  for (const Diagnostic& d : diagnostics.list()) absl::StrAppend(&out, FormatDiagnostic(d));
  return out;
}

TEST(PolicyTestsTest, ReadsEveryPart) {
  Diagnostics diagnostics;
  const std::vector<PolicyTestSuite> suites = ReadPolicyTests(
      {"dir/t.yaml",
       "kind: PolicyTest\npolicy: web.yaml\npolicyName: shop/web\ntests:\n"
       "- name: one\n  event: write /a b\n  expect: deny\n"
       "- {name: two, event: capability net_raw, expect: audit deny, enforcer: BPF, rule: x, "
       "comment: why}\n"
       "---\nkind: PolicyTest\ntests:\n- {name: one, event: exec /bin/sh, expect: allow}\n"},
      diagnostics);
  // "/a b" is two words.
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(FormatDiagnostic(diagnostics.list()[0]),
            "dir/t.yaml:6:19: error: tests[0].event: unexpected \"b\" behind the event "
            "[event-syntax]\n  fix: leave it out; quote a name that has blanks\n");
  ASSERT_EQ(suites.size(), 2u);
  EXPECT_EQ(suites[0].file, "dir/t.yaml");
  EXPECT_EQ(suites[0].policy, "web.yaml");
  EXPECT_EQ(suites[0].policy_name, "shop/web");
  ASSERT_EQ(suites[0].tests.size(), 2u);
  const PolicyTestCase& two = suites[0].tests[1];
  EXPECT_EQ(two.name, "two");
  EXPECT_EQ(EventText(two.event), "capability net_raw");
  EXPECT_EQ(two.event_text, "capability net_raw");
  EXPECT_EQ(two.expect, "audit deny");
  EXPECT_EQ(two.enforcer, "BPF");
  EXPECT_EQ(two.rule, "x");
  EXPECT_EQ(two.place.line, 8);
  EXPECT_EQ(two.place.column, 3);
  EXPECT_EQ(suites[1].policy, "");
  ASSERT_EQ(suites[1].tests.size(), 1u);
}

struct MistakeCase {
  std::string text;
  const char* rendered;
};

TEST(PolicyTestsTest, MistakesHaveTheirPlaceAndAFix) {
  const MistakeCase cases[] = {
      {"",
       "t.yaml: error: the file is empty [no-tests]\n"
       "  fix: write a document of `kind: PolicyTest`; docs/policy_tests.md shows one\n"},
      {absl::StrCat(kHead, "tests: []\n"),
       "t.yaml:3:8: error: tests: the file has no tests [no-tests]\n"
       "  fix: add a test, or let `varmor test --scaffold` write some\n"},
      {absl::StrCat(kHead, "tests:\n- {name: a, event: wirte /a, expect: deny}\n"),
       "t.yaml:4:20: error: tests[0].event: unknown verb \"wirte\" [unknown-event]\n"
       "  fix: did you mean \"write\"?\n"},
      {absl::StrCat(kHead, "tests:\n- {name: a, event: write /a, expect: deny}\n",
                    "- {name: a, event: write /b, expect: deny}\n"),
       "t.yaml:5:10: error: tests[1].name: the name \"a\" is that of the test in line 4 "
       "[duplicate-test]\n"
       "  fix: give each test a name of its own\n"},
      {absl::StrCat(kHead, "tests:\n- {name: \"\", event: write /a, expect: deny}\n"),
       "t.yaml:4:10: error: tests[0].name: the test's name is empty [empty-name]\n"
       "  fix: say what the test shows\n"},
  };
  for (const MistakeCase& c : cases) EXPECT_EQ(Mistakes(c.text), c.rendered) << c.text;
}

TEST(PolicyTestsTest, MistakesThatTheSchemaFindsAreErrors) {
  const std::string cases[] = {
      "kind: PolicyTests\ntests:\n- {name: a, event: write /a, expect: deny}\n",
      absl::StrCat(kHead, "tests:\n- {name: a, event: write /a, expect: denied}\n"),
      absl::StrCat(kHead, "tests:\n- {name: a, event: write /a, expect: deny, enforcer: bpff}\n"),
      absl::StrCat(kHead, "tests:\n- {name: a, event: write /a}\n"),
      absl::StrCat(kHead, "tests:\n- {event: write /a, expect: deny}\n"),
      absl::StrCat(kHead, "tests:\n- {name: a, expect: deny}\n"),
      absl::StrCat(kHead, "tests:\n- {name: a, event: write /a, expect: deny, rul: b}\n"),
      kHead,
      absl::StrCat(kHead, "tests: 7\n"),
      absl::StrCat(kHead, "tests: [7]\n"),
      absl::StrCat(kHead, "tests: [{name: [], event: {}, expect: deny}]\n"),
      "[]",
      "7",
      "kind: [",
  };
  for (const std::string& text : cases) {
    Diagnostics diagnostics;
    ReadPolicyTests({"t.yaml", text}, diagnostics);
    EXPECT_TRUE(diagnostics.HasErrors()) << text;
    for (const Diagnostic& d : diagnostics.list()) EXPECT_GT(d.place.line, 0) << text;
  }
}

}  // namespace
}  // namespace varmor
