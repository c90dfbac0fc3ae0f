#include "runtime/agent/unenforced.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RuleOrigin Rule(const std::string& name, const std::string& action = "deny",
                const std::string& field = "spec.x") {
  RuleOrigin rule;
  rule.set_rule(name);
  rule.set_field(field);
  rule.set_action(action);
  return rule;
}

TEST(UnenforcedTest, EachIsSaidOnceWithItsEnforcerAndReason) {
  const UnenforcedTexts texts =
      TextsOfUnenforced({}, {{EnforcerKind::kBpf,
                              {{Rule("no-userns"), "no hook"},
                               {Rule("no-userns"), "no hook"},
                               {Rule("raw"), "owners: no hook", true},
                               {Rule("runtime-default", "deny", ""), "no hook"}}}});
  EXPECT_THAT(texts.whole,
              ElementsAre("BPF: no-userns (no hook)", "BPF: runtime-default (no hook)"));
  EXPECT_THAT(texts.in_part, ElementsAre("BPF: the rule at spec.x (owners: no hook)"));
}

TEST(UnenforcedTest, AMachineThatOnlyComplains) {
  EXPECT_THAT(TextsOfUnenforced({}, {{EnforcerKind::kAppArmor, {{{}, "all complain"}}}}).whole,
              ElementsAre("AppArmor: every rule (all complain)"));
}

class ElsewhereTest : public ::testing::Test {
 protected:
  // Whether the rule is said to be enforced by nobody.
  bool Said(const RuleOrigin& rule, const RuleOrigin& other, bool other_is_there = true,
            std::vector<UnenforcedRule> other_lacks = {}) {
    ArmorProfileArtifacts artifacts;
    *artifacts.mutable_bpf()->add_rules() = rule;
    *artifacts.mutable_seccomp()->add_rules() = other;
    std::map<EnforcerKind, std::vector<UnenforcedRule>> unenforced = {
        {EnforcerKind::kBpf, {{rule, "no hook"}}}};
    if (other_is_there) unenforced[EnforcerKind::kSeccomp] = std::move(other_lacks);
    return !TextsOfUnenforced(artifacts, unenforced).empty();
  }
};

TEST_F(ElsewhereTest, ABuiltInRuleThatAnotherEnforcerHasIsEnforced) {
  EXPECT_FALSE(Said(Rule("no-userns"), Rule("no-userns", "audit deny")));
  EXPECT_FALSE(Said(Rule("no-userns", "audit"), Rule("no-userns", "audit")));
}

TEST_F(ElsewhereTest, NotWhatOnlyLooksLikeIt) {
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-mount")));
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-userns", "deny", "spec.y")));
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-userns", "audit")));
  EXPECT_TRUE(Said(Rule("no-userns", "audit"), Rule("no-userns", "allow")));
  EXPECT_TRUE(Said(Rule("raw"), Rule("raw")));
  EXPECT_TRUE(Said(Rule("runtime-default"), Rule("runtime-default")));
}

TEST_F(ElsewhereTest, NorByOneThatIsNotThereOrDoesNotEither) {
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-userns"), false));
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-userns"), true, {{Rule("no-userns"), "too old"}}));
  EXPECT_TRUE(Said(Rule("no-userns"), Rule("no-userns"), true, {{{}, "complains"}}));
}

}  // namespace
}  // namespace varmor
