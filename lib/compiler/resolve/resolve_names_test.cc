#include "lib/compiler/resolve/resolve_names.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

Catalogue SmallCatalogue() {
  BuiltinRules rules;
  BuiltinRule& mount = *rules.add_rules();
  mount.set_id("disallow-mount");
  mount.set_category(BuiltinRule::HARDENING);
  BuiltinRule& old = *rules.add_rules();
  old.set_id("disallow-old");
  old.add_aliases("disallow-older");
  old.set_removed_in("0.10.0");
  old.set_category(BuiltinRule::HARDENING);
  BuiltinRule& shell = *rules.add_rules();
  shell.set_id("disable-shell");
  shell.set_category(BuiltinRule::ATTACK_PROTECTION);
  return *Catalogue::FromRules(rules);
}

struct NameCase {
  const char* name;
  const char* written;
  // "" when the name resolves.
  const char* diagnostics;
};

constexpr NameCase kCases[] = {
    {"Id", "disallow-mount", ""},
    {"UnderscoresAndCapitals", "Disallow_Mount", ""},
    {"Typo", "disallow-mout",
     "error: f: unknown built-in rule \"disallow-mout\" [unknown-rule]\n"
     "  fix: did you mean \"disallow-mount\"?\n"},
    {"W02_Blank", "disallow-mount ",
     "error: f: unknown built-in rule \"disallow-mount \" [unknown-rule]\n"
     "  fix: did you mean \"disallow-mount\"?\n"},
    {"W02_OtherCategory", "disable-shell",
     "error: f: rule \"disable-shell\" does not belong in hardeningRules [rule-category]\n"
     "  fix: move it to attackProtectionRules\n"},
    {"TypoOfOtherCategory", "disable-shel",
     "error: f: unknown built-in rule \"disable-shel\" [unknown-rule]\n"
     "  fix: did you mean \"disable-shell\"? (it belongs in attackProtectionRules)\n"},
    {"Nonsense", "xyzzy",
     "error: f: unknown built-in rule \"xyzzy\" [unknown-rule]\n"
     "  fix: `varmor rules` lists all built-in rules\n"},
    {"RemovedByAlias", "disallow-older",
     "warning: f: vArmor dropped rule \"disallow-old\" in 0.10.0 and ignores it since; it works "
     "here [removed-rule]\n"},
};

class ResolveNamesTest : public testing::TestWithParam<NameCase> {};

TEST_P(ResolveNamesTest, SaysWhatIsWrongWithAName) {
  const Catalogue catalogue = SmallCatalogue();
  Policy policy;
  policy.rules.push_back({BuiltinRule::HARDENING, GetParam().written, "f", -1});
  Diagnostics diagnostics;
  const auto resolved = ResolveNames(policy, catalogue, diagnostics);
  std::string rendered;
  for (const Diagnostic& d : diagnostics.list()) rendered += FormatDiagnostic(d);
  EXPECT_EQ(rendered, GetParam().diagnostics);
  EXPECT_EQ(resolved.empty(), diagnostics.HasErrors());
}

INSTANTIATE_TEST_SUITE_P(Names, ResolveNamesTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<NameCase>& info) {
                           return info.param.name;
                         });

TEST(ResolveNamesTest, LenientReadingKeepsTheRestOfThePolicy) {
  const Catalogue catalogue = SmallCatalogue();
  Policy policy;
  policy.rules.push_back({BuiltinRule::HARDENING, "nope-nope", "a", -1});
  policy.rules.push_back({BuiltinRule::HARDENING, "disallow-mount", "b", -1});
  policy.rules.push_back({BuiltinRule::HARDENING, "disallow_mount", "c", -1});
  Diagnostics diagnostics(/*lenient=*/true);
  const auto resolved = ResolveNames(policy, catalogue, diagnostics);
  ASSERT_EQ(resolved.size(), 1);
  EXPECT_EQ(resolved[0].reference->field, "b");
  EXPECT_FALSE(diagnostics.HasErrors());
  ASSERT_EQ(diagnostics.size(), 2);
  EXPECT_EQ(diagnostics.list()[1].code, "duplicate-rule");
}

}  // namespace
}  // namespace varmor
