#include "tools/gen_rule_reference/rule_reference.h"

#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "tools/gen_rule_reference/describe_effects.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadPage() {
  std::ifstream file("docs/rules.md", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RuleReferenceTest, PageInTheTreeIsUpToDate) {
  // Not EXPECT_EQ: a diff of two pages of this length helps nobody.
  EXPECT_TRUE(ReadPage() == RuleReference(BuiltinCatalogue()))
      << "docs/rules.md is stale; run: bazel run //tools/gen_rule_reference -- --update";
}

TEST(RuleReferenceTest, EveryRuleHasItsHeadingAndItsLink) {
  const std::string page = RuleReference(BuiltinCatalogue());
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    EXPECT_THAT(page, HasSubstr("\n#### " + rule.id() + "\n"));
    EXPECT_THAT(page, HasSubstr("[`" + rule.id() + "`](#" + rule.id() + ")"));
  }
}

TEST(RuleReferenceTest, RuleThatNobodyEnforcesSaysWhy) {
  BuiltinRules rules;
  BuiltinRule& rule = *rules.add_rules();
  rule.set_id("a-rule");
  rule.set_category(BuiltinRule::HARDENING);
  rule.set_group("Things");
  rule.set_summary("Blocks things.");
  rule.mutable_app_armor()->set_not_enforceable("no hook");
  rule.mutable_bpf()->set_since("0.6.0");
  rule.mutable_bpf()->add_operations(BpfEffects::LOAD_BPF_PROGRAM);
  rule.mutable_seccomp()->add_syscalls()->add_names("bpf");
  const absl::StatusOr<Catalogue> catalogue = Catalogue::FromRules(rules);
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  EXPECT_THAT(RuleReference(*catalogue), HasSubstr("| AppArmor | | not enforceable: no hook |\n"
                                                   "| BPF | 0.6.0 | load bpf program |\n"
                                                   "| Seccomp | ours | `bpf` |\n"));
}

TEST(DescribeEffectsTest, SyscallNamesConditionsErrnoAndArchitectures) {
  SeccompEffects effects;
  SeccompEffect& effect = *effects.add_syscalls();
  effect.add_names("clone");
  effect.add_names("unshare");
  LinuxSeccompArg& arg = *effect.add_args();
  arg.set_index(1);
  arg.set_value(0x10000000);
  arg.set_value_two(0x10000000);
  arg.set_op("SCMP_CMP_MASKED_EQ");
  effect.set_errno_ret(38);
  effect.add_only_architectures("SCMP_ARCH_S390X");
  EXPECT_THAT(DescribeEffects(effects),
              ElementsAre("`clone`, `unshare` if argument 1 & 0x10000000 is 0x10000000, failing "
                          "with errno 38; only on SCMP_ARCH_S390X"));
}

TEST(DescribeEffectsTest, NoEventOfTheCatalogueIsLeftWithoutWords) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const Event& event : rule.denies()) EXPECT_NE(DescribeEvent(event), "`nothing`");
    for (const Event& event : rule.still_allows()) EXPECT_NE(DescribeEvent(event), "`nothing`");
  }
}

}  // namespace
}  // namespace varmor
