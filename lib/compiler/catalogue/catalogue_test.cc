#include "lib/compiler/catalogue/catalogue.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/statement.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

BuiltinRule Rule(const char* id, std::vector<std::string> aliases = {}) {
  BuiltinRule rule;
  rule.set_id(id);
  rule.set_category(BuiltinRule::HARDENING);
  for (const std::string& alias : aliases) rule.add_aliases(alias);
  return rule;
}

std::string ErrorOf(std::vector<BuiltinRule> list) {
  BuiltinRules rules;
  for (BuiltinRule& rule : list) *rules.add_rules() = rule;
  return std::string(Catalogue::FromRules(rules).status().message());
}

TEST(NormaliseRuleNameTest, LowersCaseAndTurnsUnderscoresIntoHyphens) {
  EXPECT_EQ(NormaliseRuleName("Disable_Cap_Net_Raw"), "disable-cap-net-raw");
  EXPECT_EQ(NormaliseRuleName("disable-cap-net-raw"), "disable-cap-net-raw");
  EXPECT_EQ(NormaliseRuleName(" disable-tcp "), " disable-tcp ") << "blanks are the author's";
  EXPECT_EQ(NormaliseRuleName(""), "");
}

TEST(CatalogueTest, FindsByIdAndByAlias) {
  BuiltinRules rules;
  *rules.add_rules() = Rule("one", {"eins", "un"});
  *rules.add_rules() = Rule("two");
  const absl::StatusOr<Catalogue> catalogue = Catalogue::FromRules(rules, Rule("base"));
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  ASSERT_NE(catalogue->Find("un"), nullptr);
  EXPECT_EQ(catalogue->Find("un")->id(), "one");
  EXPECT_EQ(catalogue->Find("one"), catalogue->Find("eins"));
  EXPECT_EQ(catalogue->Find("three"), nullptr);
  EXPECT_EQ(catalogue->Find("base"), nullptr) << "the runtime default is not for policies to name";
  EXPECT_EQ(catalogue->runtime_default().id(), "base");
}

TEST(CatalogueTest, CopyFindsItsOwnRules) {
  BuiltinRules rules;
  *rules.add_rules() = Rule("one");
  const Catalogue original = *Catalogue::FromRules(rules);
  const Catalogue copy = original;
  EXPECT_EQ(copy.Find("one"), &copy.rules()[0]);
}

TEST(CatalogueTest, NamesAreIdsAndAliasesOfTheCategorySorted) {
  BuiltinRules rules;
  *rules.add_rules() = Rule("zebra", {"ape"});
  *rules.add_rules() = Rule("lion");
  BuiltinRule plant = Rule("oak");
  plant.set_category(BuiltinRule::ATTACK_PROTECTION);
  *rules.add_rules() = plant;
  const absl::StatusOr<Catalogue> catalogue = Catalogue::FromRules(rules);
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  EXPECT_THAT(catalogue->Names(BuiltinRule::HARDENING), ElementsAre("ape", "lion", "zebra"));
  EXPECT_THAT(catalogue->Names(BuiltinRule::ATTACK_PROTECTION), ElementsAre("oak"));
  EXPECT_THAT(catalogue->Names(BuiltinRule::VULNERABILITY_MITIGATION), IsEmpty());
}

TEST(CatalogueTest, RefusesNamesUsedTwiceOrNotNormalised) {
  EXPECT_EQ(ErrorOf({Rule("one"), Rule("one")}), "rule name \"one\" is used twice");
  EXPECT_EQ(ErrorOf({Rule("one"), Rule("two", {"one"})}), "rule name \"one\" is used twice");
  EXPECT_EQ(ErrorOf({Rule("one", {"one"})}), "rule name \"one\" is used twice");
  EXPECT_EQ(ErrorOf({Rule("One")}), "rule name \"One\" is not normalised");
  EXPECT_EQ(ErrorOf({Rule("one", {"o_n_e"})}), "rule name \"o_n_e\" is not normalised");
  EXPECT_EQ(ErrorOf({Rule("")}), "rule name \"\" is not normalised");
}

TEST(CatalogueTest, ParsesAppArmorRulesOnce) {
  BuiltinRules rules;
  *rules.add_rules() = Rule("none");
  BuiltinRule rule = Rule("two");
  rule.mutable_app_armor()->add_rules("capability chown");
  rule.mutable_app_armor()->add_rules("/bin/sh rx");
  *rules.add_rules() = rule;
  const Catalogue original = *Catalogue::FromRules(rules);
  const Catalogue copy = original;
  EXPECT_THAT(original.AppArmorStatements(*original.Find("none")), IsEmpty());
  for (const Catalogue* catalogue : {&original, &copy}) {
    std::vector<std::string> texts;
    for (const AppArmorStatement& statement :
         catalogue->AppArmorStatements(*catalogue->Find("two"))) {
      texts.push_back(ToString(statement));
    }
    EXPECT_THAT(texts, ElementsAre("capability chown,", "/bin/sh rx,"));
  }
}

TEST(CatalogueTest, RefusesAppArmorRulesThatDoNotParse) {
  BuiltinRule rule = Rule("one");
  rule.mutable_app_armor()->add_rules("capability flying");
  EXPECT_EQ(ErrorOf({rule}), "AppArmor rules of \"one\": unknown capability \"flying\"");
}

// The names of vArmor 0.5 to 0.10.
const std::set<std::string>& HardeningNames() {
  static const auto& names = *new std::set<std::string>{"disable-cap-all",
                                                        "disable-cap-all-except-net-bind-service",
                                                        "disable-cap-audit-control",
                                                        "disable-cap-audit-read",
                                                        "disable-cap-audit-write",
                                                        "disable-cap-block-suspend",
                                                        "disable-cap-bpf",
                                                        "disable-cap-checkpoint-restore",
                                                        "disable-cap-chown",
                                                        "disable-cap-dac-override",
                                                        "disable-cap-dac-read-search",
                                                        "disable-cap-fowner",
                                                        "disable-cap-fsetid",
                                                        "disable-cap-ipc-lock",
                                                        "disable-cap-ipc-owner",
                                                        "disable-cap-kill",
                                                        "disable-cap-lease",
                                                        "disable-cap-linux-immutable",
                                                        "disable-cap-mac-admin",
                                                        "disable-cap-mac-override",
                                                        "disable-cap-mknod",
                                                        "disable-cap-net-admin",
                                                        "disable-cap-net-bind-service",
                                                        "disable-cap-net-broadcast",
                                                        "disable-cap-net-raw",
                                                        "disable-cap-perfmon",
                                                        "disable-cap-privileged",
                                                        "disable-cap-setfcap",
                                                        "disable-cap-setgid",
                                                        "disable-cap-setpcap",
                                                        "disable-cap-setuid",
                                                        "disable-cap-sys-admin",
                                                        "disable-cap-sys-boot",
                                                        "disable-cap-sys-chroot",
                                                        "disable-cap-sys-module",
                                                        "disable-cap-sys-nice",
                                                        "disable-cap-sys-pacct",
                                                        "disable-cap-sys-ptrace",
                                                        "disable-cap-sys-rawio",
                                                        "disable-cap-sys-resource",
                                                        "disable-cap-sys-time",
                                                        "disable-cap-sys-tty-config",
                                                        "disable-cap-syslog",
                                                        "disable-cap-wake-alarm",
                                                        "disallow-abuse-user-ns",
                                                        "disallow-access-k8s-sensitive-files",
                                                        "disallow-access-kallsyms",
                                                        "disallow-access-procfs-root",
                                                        "disallow-create-user-ns",
                                                        "disallow-debug-disk-device",
                                                        "disallow-insmod",
                                                        "disallow-load-all-bpf-prog",
                                                        "disallow-load-bpf-prog",
                                                        "disallow-load-bpf-via-setsockopt",
                                                        "disallow-load-ebpf",
                                                        "disallow-mount",
                                                        "disallow-mount-cgroupfs",
                                                        "disallow-mount-disk-device",
                                                        "disallow-mount-procfs",
                                                        "disallow-mount-securityfs",
                                                        "disallow-umount",
                                                        "disallow-userfaultfd-creation",
                                                        "disallow-write-core-pattern",
                                                        "disallow-write-release-agent"};
  return names;
}

const std::set<std::string>& AttackProtectionNames() {
  static const auto& names = *new std::set<std::string>{"block-access-to-alibaba-metadata-service",
                                                        "block-access-to-aws-metadata-service",
                                                        "block-access-to-container-runtime",
                                                        "block-access-to-kube-apiserver",
                                                        "block-access-to-metadata-service",
                                                        "block-access-to-oci-metadata-service",
                                                        "block-access-to-volc-metadata-service",
                                                        "disable-access-passwd",
                                                        "disable-access-shadow",
                                                        "disable-access-ssh-dir",
                                                        "disable-busybox",
                                                        "disable-chmod",
                                                        "disable-chmod-s-bit",
                                                        "disable-chmod-x-bit",
                                                        "disable-curl",
                                                        "disable-icmp",
                                                        "disable-inet",
                                                        "disable-inet6",
                                                        "disable-ipv4",
                                                        "disable-ipv6",
                                                        "disable-network",
                                                        "disable-shell",
                                                        "disable-su-sudo",
                                                        "disable-tcp",
                                                        "disable-udp",
                                                        "disable-unix-domain-socket",
                                                        "disable-wget",
                                                        "disable-write-etc",
                                                        "disable-write-skills",
                                                        "disallow-metadata-service",
                                                        "mitigate-disk-device-number-leak",
                                                        "mitigate-host-ip-leak",
                                                        "mitigate-overlayfs-leak",
                                                        "mitigate-sa-leak"};
  return names;
}

const std::set<std::string>& MitigationNames() {
  static const auto& names = *new std::set<std::string>{
      "cgroups-lxcfs-escape-mitigation", "copy-fail-mitigation", "dirty-pipe-mitigation",
      "ingress-nightmare-mitigation", "runc-override-mitigation"};
  return names;
}

TEST(BuiltinCatalogueTest, HasEveryNameOfVarmorAndNoOther) {
  const Catalogue& catalogue = BuiltinCatalogue();
  EXPECT_THAT(catalogue.Names(BuiltinRule::HARDENING),
              ::testing::ElementsAreArray(HardeningNames()));
  EXPECT_THAT(catalogue.Names(BuiltinRule::ATTACK_PROTECTION),
              ::testing::ElementsAreArray(AttackProtectionNames()));
  EXPECT_THAT(catalogue.Names(BuiltinRule::VULNERABILITY_MITIGATION),
              ::testing::ElementsAreArray(MitigationNames()));
  EXPECT_EQ(catalogue.rules().size(),
            HardeningNames().size() + AttackProtectionNames().size() + MitigationNames().size() - 4)
      << "four names are aliases";
}

TEST(BuiltinCatalogueTest, OldNamesMeanTheNewRules) {
  const Catalogue& catalogue = BuiltinCatalogue();
  const struct {
    const char* old_name;
    const char* id;
  } cases[] = {{"disallow-load-ebpf", "disallow-load-bpf-prog"},
               {"disallow-metadata-service", "block-access-to-metadata-service"},
               {"disable-inet", "disable-ipv4"},
               {"disable-inet6", "disable-ipv6"}};
  for (const auto& c : cases) {
    ASSERT_NE(catalogue.Find(c.old_name), nullptr) << c.old_name;
    EXPECT_EQ(catalogue.Find(c.old_name)->id(), c.id);
  }
}

TEST(BuiltinCatalogueTest, CategoriesAndGroupsStandTogether) {
  std::set<std::string> seen;
  std::string last;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    const std::string category = BuiltinRule::Category_Name(rule.category());
    if (category == last) continue;
    EXPECT_TRUE(seen.insert(category).second) << category << " again at " << rule.id();
    last = category;
  }
}

TEST(BuiltinCatalogueTest, IsOneObject) { EXPECT_EQ(&BuiltinCatalogue(), &BuiltinCatalogue()); }

}  // namespace
}  // namespace varmor
