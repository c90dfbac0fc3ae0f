// Child profiles: who shares one, what it allows, and DefenseInDepth.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_app_armor.h"
#include "lib/compiler/lower/app_armor_rules_for_test.h"
#include "lib/compiler/lower/lower_app_armor.h"

namespace varmor {
namespace {

using Base = AppArmorRules::Base;

AppArmorRules On(Base base, const Action& base_action = kDeny) {
  AppArmorRules rules;
  rules.base = base;
  rules.base_action = base_action;
  return rules;
}

std::vector<AppArmorRule> SaLeak(const Action& action) {
  return Builtin("mitigate-sa-leak",
                 {"/run/secrets/kubernetes.io/serviceaccount/** r",
                  "/var/run/secrets/kubernetes.io/serviceaccount/** r"},
                 action);
}

// ---- the worked examples

TEST(LowerAppArmorChildrenTest, Example1AuditedRulesForShells) {
  AppArmorRules rules = On(Base::kRuntimeDefault, kAuditDeny);
  rules.rules =
      Together({Builtin("disable-cap-net-raw", {"capability net_raw"}, kAuditDeny),
                SaLeak(kAuditDeny), Raw("audit deny /etc/hosts r,\naudit deny /etc/shadow r,")});
  AddTargets({"/bin/bash", "/usr/bin/bash", "/bin/dash", "/usr/bin/dash"},
             Builtin("disable-write-etc", {"/etc/** wl"}, kAuditDeny), rules);
  AddTargets({"/bin/bash", "/usr/bin/bash"}, Raw("audit deny /etc/hostname r,"), rules);
  const AppArmorProfile profile = LowerClean(rules);
  EXPECT_EQ(
      Children(profile),
      "child_0 /bin/bash /usr/bin/bash: audit deny /etc/** wl, | audit deny /etc/hostname r,\n"
      "child_1 /bin/dash /usr/bin/dash: audit deny /etc/** wl,\n");
  const std::string text = AcceptedText(profile);
  // The parent's rules stand in the parent and in both children.
  size_t count = 0;
  for (size_t at = text.find("audit deny /etc/shadow r,"); at != std::string::npos;
       at = text.find("audit deny /etc/shadow r,", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(EmitAppArmor(profile).children(1), "varmor-demo-web//child_1");
}

TEST(LowerAppArmorChildrenTest, Example2OneShellHasMoreRules) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  rules.rules = Together({Builtin("disable-chmod", {"/**/chmod rx"}, kDeny),
                          Raw("deny /etc/hosts r,\ndeny /etc/shadow r,")});
  AddTargets({"/bin/bash", "/bin/dash", "/bin/sh"}, SaLeak(kDeny), rules);
  AddTargets({"/bin/bash"}, Raw("deny /etc/hostname r,"), rules);
  const AppArmorProfile profile = LowerClean(rules);
  const std::string leak =
      "deny /run/secrets/kubernetes.io/serviceaccount/** r, | "
      "deny /var/run/secrets/kubernetes.io/serviceaccount/** r,";
  EXPECT_EQ(Children(profile), "child_0 /bin/bash: " + leak + " | deny /etc/hostname r,\n" +
                                   "child_1 /bin/dash /bin/sh: " + leak + "\n");
  AcceptedText(profile);
}

TEST(LowerAppArmorChildrenTest, Example3EightTargetsShareOneChild) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  rules.rules = Builtin("disable-write-etc", {"/etc/** wl"}, kDeny);
  AddTargets({"/bin/sh", "/usr/bin/sh", "/bin/dash", "/usr/bin/dash", "/bin/bash", "/usr/bin/bash",
              "/bin/busybox", "/usr/bin/busybox"},
             Together({SaLeak(kDeny), Builtin("disable-network", {"network"}, kDeny)}), rules);
  const AppArmorProfile profile = LowerClean(rules);
  ASSERT_EQ(profile.children.size(), 1u);
  EXPECT_EQ(profile.children[0].sections.front().lines.size(), 8u);
  AcceptedText(profile);
}

constexpr char kCustom[] = R"(abi <abi/3.0>,
#include <tunables/global>

profile varmor-demo-web flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  /bin/cat ix,
  owner /etc/hosts r,
  network,
  # the last brace } of the text is not the end of the body
}
# nor is this one }
)";

AppArmorRules OnText(const std::string& text) {
  AppArmorRules rules = On(Base::kText);
  rules.base_text = text;
  rules.base_origin = {"custom", "customProfile"};
  return rules;
}

TEST(LowerAppArmorChildrenTest, Example17W17_InsertsBeforeTheEndOfTheMainProfile) {
  AppArmorRules rules = OnText(kCustom);
  rules.rules = Raw("/etc/shadow r,");
  AddTargets({"/bin/grep"}, Raw("/etc/hostname r,"), rules);
  const AppArmorProfile profile = LowerClean(rules);
  EXPECT_EQ(AcceptedText(profile), R"(abi <abi/3.0>,
#include <tunables/global>

profile varmor-demo-web flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  /bin/cat ix,
  owner /etc/hosts r,
  network,
  # the last brace } of the text is not the end of the body

  # Raw rules.
  # raw (raw)
  /etc/shadow r,

  # Executables with a profile of their own.
  signal (send) peer=varmor-demo-web//child_0,
  ptrace (trace, read) peer=varmor-demo-web//child_0,
  /bin/grep cx -> child_0,

  profile child_0 flags=(attach_disconnected,mediate_deleted) {
    include <abstractions/base>

    # The executables of this profile.
    /bin/grep rix,

    # Among the processes of this profile and its parent.
    signal (receive) peer=varmor-demo-web,
    signal (send, receive) peer=varmor-demo-web//child_0,
    ptrace (tracedby, readby) peer=varmor-demo-web,
    ptrace (trace, read, tracedby, readby) peer=varmor-demo-web//child_0,

    # Rules of these executables only.
    # raw (raw)
    /etc/hostname r,
  }
}
# nor is this one }
)");
}

// ---- joining

TEST(LowerAppArmorChildrenTest, W19_TheOrderOfRulesDoesNotKeepTargetsApart) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  AddTargets({"/bin/a"}, Raw("deny /x r,\ndeny /y r,"), rules);
  AddTargets({"/bin/b"}, Raw("deny /y r,\ndeny /x r,"), rules);
  EXPECT_EQ(Children(LowerClean(rules)), "child_0 /bin/a /bin/b: deny /x r, | deny /y r,\n");
}

TEST(LowerAppArmorChildrenTest, W19_ThreeRulesAndSeveralTargetsDoNotOverwriteEachOther) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  const auto three = Raw("deny /x r,\ndeny /y r,\ndeny /z r,");
  AddTargets({"/bin/a", "/bin/b", "/bin/c"}, three, rules);
  AddTargets({"/bin/a"}, Raw("deny /only-a r,"), rules);
  AddTargets({"/bin/b"}, Raw("deny /only-b r,"), rules);
  const std::string all = "deny /x r, | deny /y r, | deny /z r,";
  EXPECT_EQ(Children(LowerClean(rules)), "child_0 /bin/a: " + all + " | deny /only-a r,\n" +
                                             "child_1 /bin/b: " + all + " | deny /only-b r,\n" +
                                             "child_2 /bin/c: " + all + "\n");
}

TEST(LowerAppArmorChildrenTest, ATargetNamedTwiceIsOneTargetWithBothOrigins) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  AddTargets({"/bin/a"}, Raw("deny /x r,", "r[0]"), rules);
  AddTargets({"/bin/b", "/bin/a"}, Raw("deny /x r,", "r[1]"), rules);
  const AppArmorProfile profile = LowerClean(rules);
  EXPECT_EQ(Children(profile), "child_0 /bin/a /bin/b: deny /x r,\n");
  const std::vector<Origin> origins = {{"raw", "r[0]"}, {"raw", "r[1]"}};
  EXPECT_EQ(profile.children[0].sections.back().lines[0].origins, origins);
}

TEST(LowerAppArmorChildrenTest, EqualRulesWithDifferentQualifiersAreDifferent) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  AddTargets({"/bin/a"}, Raw("deny /x r,"), rules);
  AddTargets({"/bin/b"}, Raw("audit deny /x r,"), rules);
  EXPECT_EQ(Children(LowerClean(rules)),
            "child_0 /bin/a: deny /x r,\nchild_1 /bin/b: audit deny /x r,\n");
}

// ---- what parent and child may do to each other

TEST(LowerAppArmorChildrenTest, UnprivilegedParentsAndChildrenKnowEachOther) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  AddTargets({"/bin/a"}, Raw("deny /x r,"), rules);
  AddTargets({"/bin/b"}, Raw("deny /y r,"), rules);
  const std::string text = AcceptedText(LowerClean(rules));
  EXPECT_NE(text.find(R"(
  # Executables with a profile of their own.
  signal (send) peer=varmor-demo-web//child_0,
  ptrace (trace, read) peer=varmor-demo-web//child_0,
  /bin/a cx -> child_0,
  signal (send) peer=varmor-demo-web//child_1,
  ptrace (trace, read) peer=varmor-demo-web//child_1,
  /bin/b cx -> child_1,
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(
    signal (receive) peer=unconfined,
    signal (receive) peer=runc,
    signal (receive) peer=crun,
    signal (receive) peer=varmor-demo-web,
    signal (send, receive) peer=varmor-demo-web//child_1,
    ptrace (tracedby, readby) peer=varmor-demo-web,
    ptrace (trace, read, tracedby, readby) peer=varmor-demo-web//child_1,
)"),
            std::string::npos)
      << text;
}

TEST(LowerAppArmorChildrenTest, PrivilegedOnesMayDoEverythingAnyway) {
  AppArmorRules rules = On(Base::kAllowAll);
  AddTargets({"/bin/a"}, Raw("deny /x r,"), rules);
  const std::string text = AcceptedText(LowerClean(rules));
  EXPECT_EQ(text.find("peer="), std::string::npos) << text;
  EXPECT_NE(text.find("\n  /bin/a cx -> child_0,\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    /bin/a rix,\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    signal,\n"), std::string::npos) << text;
}

// ---- targets

TEST(LowerAppArmorChildrenTest, W16_TargetsAreQuotedWhenNeeded) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  AddTargets({"/opt/my app/run", "/opt/a,b", "/opt/\"quoted\"", "/opt/\xc3\xa9t\xc3\xa9"},
             Raw("deny /x r,"), rules);
  const std::string text = AcceptedText(LowerClean(rules));
  EXPECT_TRUE(Holds(text, "\"/opt/my app/run\" cx -> child_0,")) << text;
  EXPECT_TRUE(Holds(text, "\"/opt/my app/run\" rix,")) << text;
}

TEST(LowerAppArmorChildrenTest, W16_GlobalDenialsReachTheChildren) {
  for (const Base base : {Base::kAllowAll, Base::kRuntimeDefault}) {
    AppArmorRules rules = On(base);
    rules.rules = Raw("deny /etc/shadow r,");
    AddTargets({"/bin/a"}, Raw("deny /x r,"), rules);
    EXPECT_NE(AcceptedText(LowerClean(rules)).find("\n    deny /etc/shadow r,\n"),
              std::string::npos);
  }
}

TEST(LowerAppArmorChildrenTest, ADenialThatKeepsATargetFromRunningGivesAWarning) {
  AppArmorRules rules = On(Base::kRuntimeDefault);
  rules.rules = Builtin("disable-shell", {"/**/bash rx"}, kDeny);
  AddTargets({"/bin/bash"}, Raw("deny /x r,", "r[0].rules"), rules);
  EXPECT_EQ(Problems(rules),
            "warning: r[0].rules: rule \"/bin/bash cx -> child_0,\" has no effect: deny rules take "
            "all of it away [apparmor-deny-swallows-allow]\n"
            "  fix: drop it, or narrow the deny rules\n");
}

TEST(LowerAppArmorChildrenTest, AnObservedExecRuleDoesNotConflictWithATarget) {
  for (const Action& action : {kAudit, kNone}) {
    for (const Base base : {Base::kAllowAll, Base::kRuntimeDefault}) {
      AppArmorRules rules = On(base, action);
      rules.rules = Builtin("disable-shell", {"/**/sh rx", "/**/bash rx", "/**/dash rx"}, action);
      AddTargets({"/bin/bash", "/bin/sh"}, Builtin("disable-shell", {"/**/bash rx"}, action),
                 rules);
      AcceptedText(LowerClean(rules));
    }
  }
}

// ---- DefenseInDepth

TEST(LowerAppArmorChildrenTest, ATextWithoutRawRulesStaysAsItIs) {
  EXPECT_EQ(AcceptedText(LowerClean(OnText(kCustom))), kCustom);
}

TEST(LowerAppArmorChildrenTest, W17_ANestedProfileIsNotTheEndOfTheBody) {
  const std::string text = R"(include <tunables/global>
profile varmor-demo-web {
  /bin/ls ix,
  profile inner { /bin/cat ix, } }
)";
  AppArmorRules rules = OnText(text);
  rules.rules = Raw("/etc/shadow r,");
  EXPECT_EQ(AcceptedText(LowerClean(rules)), R"(include <tunables/global>
profile varmor-demo-web {
  /bin/ls ix,
  profile inner { /bin/cat ix, } 
  # Raw rules.
  # raw (raw)
  /etc/shadow r,
}
)");
}

TEST(LowerAppArmorChildrenTest, W10_ATextWithoutAProfileIsAnError) {
  AppArmorRules rules = OnText("# nothing here\n");
  rules.rules = Raw("/etc/shadow r,");
  EXPECT_NE(Problems(rules).find("error: "), std::string::npos) << Problems(rules);
}

TEST(LowerAppArmorChildrenTest, W18_AWrongNameIsReportedWhereItStands) {
  Diagnostics diagnostics;
  const AppArmorRules rules = OnText("# first line\nprofile my-profile {\n}\n");
  ASSERT_TRUE(LowerAppArmor(rules, kTestProfile, diagnostics).ok());
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics.list()[0].inside.line, 2);
  EXPECT_EQ(diagnostics.list()[0].inside.column, 9);
}

TEST(LowerAppArmorChildrenTest, W18_AWrongNameIsAnErrorAndLenientlyRenamed) {
  const std::string text = "profile my-profile {\n  /bin/ls ix,\n}\n";
  const std::string says =
      ": customProfile: the profile is called \"my-profile\", but containers will run under "
      "\"varmor-demo-web\" [profile-name]\n  fix: call it varmor-demo-web\n";
  EXPECT_EQ(Problems(OnText(text)), "error" + says);
  EXPECT_EQ(Problems(OnText(text), /*lenient=*/true), "warning" + says);

  Diagnostics diagnostics(/*lenient=*/true);
  AppArmorRules rules = OnText(text);
  rules.rules = Raw("/etc/shadow r,");
  const auto profile = LowerAppArmor(rules, kTestProfile, diagnostics);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(AcceptedText(*profile),
            "profile varmor-demo-web {\n  /bin/ls ix,\n\n  # Raw rules.\n  # raw (raw)\n"
            "  /etc/shadow r,\n}\n");
}

TEST(LowerAppArmorChildrenTest, AChildOfTheTextMayNotHaveTheNameOfOurs) {
  AppArmorRules rules =
      OnText("include <tunables/global>\nprofile varmor-demo-web {\n  profile child_0 {\n  }\n}\n");
  AddTargets({"/bin/grep"}, Raw("/etc/hostname r,"), rules);
  EXPECT_EQ(Problems(rules),
            "error: customProfile: child profile \"child_0\" has the name of one made for the "
            "targets of raw rules [child-profile-name]\n"
            "  fix: give it another name\n");
}

TEST(LowerAppArmorChildrenTest, ChildrenNeedTheVariablesOfTheBaseAbstraction) {
  AppArmorRules rules = OnText("profile varmor-demo-web {\n  /bin/ls ix,\n}\n");
  AddTargets({"/bin/grep"}, Raw("/etc/hostname r,"), rules);
  EXPECT_EQ(Problems(rules),
            "error: customProfile: raw rules for targets need variables that the profile does not "
            "define [missing-tunables]\n"
            "  fix: put \"include <tunables/global>\" in front of the profile\n");
}

TEST(LowerAppArmorChildrenTest, ConflictsWithTheTextAreErrors) {
  AppArmorRules rules = OnText("profile varmor-demo-web {\n  /bin/* ix,\n}\n");
  rules.rules = Raw("/bin/l* ux,", "r[0]");
  EXPECT_NE(Problems(rules).find("r[0]: exec rules \"/bin/l* ux,\" and \"/bin/* ix,\" overlap"),
            std::string::npos)
      << Problems(rules);
}

TEST(LowerAppArmorChildrenTest, AllowViolationsComplains) {
  AppArmorRules rules = OnText(kCustom);
  rules.complain = true;
  const AppArmorProfile profile = LowerClean(rules);
  EXPECT_TRUE(profile.complain);
  EXPECT_EQ(AcceptedText(profile), kCustom);
}

}  // namespace
}  // namespace varmor
