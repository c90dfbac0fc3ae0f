// Properties that every record has to have; what records mean is tested in
// builtin_examples_test.cc.
#include <arpa/inet.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/parse_statements.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "seccomp.h"

namespace varmor {
namespace {

std::vector<BuiltinRule> RulesAndRuntimeDefault() {
  std::vector<BuiltinRule> rules = BuiltinCatalogue().rules();
  rules.push_back(BuiltinCatalogue().runtime_default());
  return rules;
}

bool HasEffects(const AppArmorEffects& effects) {
  return effects.rules_size() > 0 || !effects.disk_device_permissions().empty() ||
         effects.disk_device_mount();
}

bool HasEffects(const BpfEffects& effects) {
  return effects.rules().ByteSizeLong() > 0 || effects.rules_when_privileged().ByteSizeLong() > 0 ||
         effects.operations_size() > 0 || effects.disk_device_permissions_size() > 0 ||
         effects.disk_device_mount();
}

bool HasEffects(const SeccompEffects& effects) { return effects.syscalls_size() > 0; }

// Effects or a reason, not both.
template <typename Effects>
void ExpectAnswer(const Effects& effects) {
  EXPECT_NE(HasEffects(effects), !effects.not_enforceable().empty()) << effects.DebugString();
  if (!effects.not_enforceable().empty()) {
    EXPECT_EQ(effects.since(), "") << "an enforcer without effects has had none";
    EXPECT_EQ(effects.cannot_see(), "");
  }
}

TEST(BuiltinRulesTest, EveryRuleAnswersForEveryEnforcer) {
  for (const BuiltinRule& rule : RulesAndRuntimeDefault()) {
    SCOPED_TRACE(rule.id());
    ExpectAnswer(rule.app_armor());
    ExpectAnswer(rule.bpf());
    ExpectAnswer(rule.seccomp());
  }
}

TEST(BuiltinRulesTest, SomebodyEnforcesEveryRule) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    EXPECT_TRUE(HasEffects(rule.app_armor()) || HasEffects(rule.bpf()) ||
                HasEffects(rule.seccomp()))
        << rule.id();
    EXPECT_NE(rule.app_armor().since() + rule.bpf().since() + rule.seccomp().since(), "")
        << rule.id() << ": some release of vArmor had it";
  }
}

TEST(BuiltinRulesTest, ProseIsThere) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    EXPECT_TRUE(absl::StartsWith(rule.summary(), "Blocks ")) << rule.summary();
    EXPECT_TRUE(absl::EndsWith(rule.summary(), ".")) << rule.summary();
    EXPECT_TRUE(absl::EndsWith(rule.attack(), ".")) << rule.attack();
    EXPECT_FALSE(rule.group().empty());
    EXPECT_GT(rule.references_size(), 0);
    for (const std::string& reference : rule.references()) {
      EXPECT_TRUE(absl::StartsWith(reference, "man:") || absl::StartsWith(reference, "CVE-") ||
                  absl::StartsWith(reference, "https://"))
          << reference;
    }
    for (const std::string* text : {&rule.differs(), &rule.app_armor().cannot_see(),
                                    &rule.bpf().cannot_see(), &rule.seccomp().cannot_see()}) {
      EXPECT_TRUE(text->empty() || absl::EndsWith(*text, ".")) << *text;
    }
    for (const std::string* reason :
         {&rule.app_armor().not_enforceable(), &rule.bpf().not_enforceable(),
          &rule.seccomp().not_enforceable()}) {
      EXPECT_FALSE(absl::EndsWith(*reason, ".")) << "part of a diagnostic: " << *reason;
    }
  }
}

TEST(BuiltinRulesTest, ExamplesAreThereAndDoNotContradict) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    EXPECT_GT(rule.denies_size(), 0) << "add an event this rule blocks";
    EXPECT_GT(rule.still_allows_size(), 0) << "add a near miss it must not block";
    std::set<std::string> events;
    for (const auto* list : {&rule.denies(), &rule.still_allows()}) {
      for (const Event& event : *list) {
        EXPECT_NE(event.kind_case(), Event::KIND_NOT_SET);
        EXPECT_TRUE(events.insert(event.ShortDebugString()).second) << event.ShortDebugString();
        for (const std::string& enforcer : event.enforcers()) {
          EXPECT_THAT(enforcer, ::testing::AnyOf("apparmor", "bpf", "seccomp"));
        }
      }
    }
  }
}

TEST(BuiltinRulesTest, SinceIsVarmorsRelease) {
  const struct {
    const char* id;
    const char* app_armor;
    const char* bpf;
    const char* seccomp;
  } cases[] = {
      {"disallow-write-core-pattern", "0.5.2", "0.5.2", ""},
      {"disallow-mount-procfs", "0.5.2", "0.5.4", ""},
      {"disallow-mount", "0.5.2", "0.5.4", ""},
      {"disallow-access-procfs-root", "0.5.2", "0.5.3", ""},
      {"disable-cap-checkpoint-restore", "", "0.5.6", ""},
      {"disable-cap-all-except-net-bind-service", "0.5.8", "0.5.8", ""},
      {"disallow-create-user-ns", "", "", "0.5.6"},
      {"disallow-load-all-bpf-prog", "", "", "0.6.2"},
      {"block-access-to-metadata-service", "", "0.5.2", ""},
      {"disable-write-skills", "0.10.0", "", ""},
      {"disable-chmod-s-bit", "", "", "0.5.9"},
      {"block-access-to-container-runtime", "0.8.1", "0.8.1", ""},
      {"copy-fail-mitigation", "0.10.1", "0.10.1", ""},
      {"disallow-access-k8s-sensitive-files", "", "0.5.6", ""},
  };
  for (const auto& c : cases) {
    const BuiltinRule* rule = BuiltinCatalogue().Find(c.id);
    ASSERT_NE(rule, nullptr) << c.id;
    EXPECT_EQ(rule->app_armor().since(), c.app_armor) << c.id;
    EXPECT_EQ(rule->bpf().since(), c.bpf) << c.id;
    EXPECT_EQ(rule->seccomp().since(), c.seccomp) << c.id;
  }
}

TEST(BuiltinRulesTest, OnlyTheDroppedRuleIsMarkedAsDropped) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    EXPECT_EQ(rule.removed_in(), rule.id() == "disallow-access-k8s-sensitive-files" ? "0.10.0" : "")
        << rule.id();
  }
}

// What resolving does with them: one statement each, without a word from the parser.
TEST(BuiltinRulesTest, AppArmorBodiesAreSingleCanonicalStatements) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    for (const std::string& body : rule.app_armor().rules()) {
      Diagnostics diagnostics;
      const std::vector<AppArmorStatement> statements = ParseAppArmorStatements(
          absl::StrCat("deny ", body, ","), "rules", AppArmorParseOptions(), diagnostics);
      for (const Diagnostic& diagnostic : diagnostics.list()) {
        ADD_FAILURE() << body << ": " << FormatDiagnostic(diagnostic);
      }
      ASSERT_EQ(statements.size(), 1u) << body;
      EXPECT_EQ(statements[0].body, body);
    }
  }
}

template <typename Words>
void ExpectWords(absl::Span<const BpfWord> known, const Words& words) {
  EXPECT_GT(words.size(), 0);
  for (const std::string& word : words) EXPECT_NE(FindBpfWord(known, word), nullptr) << word;
}

void ExpectPattern(const std::string& text) {
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << text << ": " << pattern.status();
}

void ExpectAddress(const std::string& text) {
  unsigned char bytes[16];
  EXPECT_TRUE(inet_pton(AF_INET, text.c_str(), bytes) == 1 ||
              inet_pton(AF_INET6, text.c_str(), bytes) == 1)
      << text;
}

void ExpectValidNetwork(const BpfNetworkRules& rules) {
  EXPECT_EQ(rules.egresses_size(), 0) << "an older form";
  for (const BpfSocketRule& rule : rules.sockets()) {
    EXPECT_EQ(rule.domains_size() + rule.types_size() + rule.protocols_size(), 1);
    for (const auto& word : rule.domains()) {
      EXPECT_NE(FindBpfWord(kSocketDomainWords, word), nullptr) << word;
    }
    for (const auto& word : rule.protocols()) {
      EXPECT_NE(FindBpfWord(kSocketProtocolWords, word), nullptr) << word;
    }
  }
  for (const BpfDestination& rule : rules.egress().to_destinations()) ExpectAddress(rule.ip());
  for (const BpfServiceDestination& rule : rules.egress().to_services()) {
    EXPECT_FALSE(rule.namespace_().empty());
    EXPECT_FALSE(rule.name().empty());
  }
  EXPECT_EQ(rules.egress().to_pods_size(), 0);
}

void ExpectValidRules(const BpfRawRules& rules) {
  for (const auto* list : {&rules.files(), &rules.processes()}) {
    for (const BpfFileRule& rule : *list) {
      EXPECT_FALSE(rule.has_qualifiers()) << "the policy decides";
      ExpectPattern(rule.pattern());
      ExpectWords(kFilePermissionWords, rule.permissions());
    }
  }
  ExpectValidNetwork(rules.network());
  if (rules.has_ptrace()) ExpectWords(kPtracePermissionWords, rules.ptrace().permissions());
  for (const BpfMountRule& rule : rules.mounts()) {
    ExpectPattern(rule.source_pattern());
    ExpectWords(kMountFlagWords, rule.flags());
    EXPECT_LE(rule.fstype().size(), 15u) << rule.fstype();
    EXPECT_FALSE(rule.fstype().empty());
  }
  for (const BpfCapabilityRule& rule : rules.capabilities()) {
    EXPECT_GT(rule.names_size(), 0);
    for (const std::string& name : rule.names()) {
      EXPECT_TRUE(name == "all" || CapabilityNumber(name) >= 0) << name;
    }
  }
}

TEST(BuiltinRulesTest, BpfEffectsAreValidRules) {
  for (const BuiltinRule& rule : RulesAndRuntimeDefault()) {
    SCOPED_TRACE(rule.id());
    ExpectValidRules(rule.bpf().rules());
    ExpectValidRules(rule.bpf().rules_when_privileged());
    for (const int operation : rule.bpf().operations()) {
      EXPECT_NE(operation, BpfEffects::OPERATION_UNSPECIFIED);
    }
    if (rule.bpf().disk_device_permissions_size() > 0) {
      ExpectWords(kFilePermissionWords, rule.bpf().disk_device_permissions());
    }
  }
}

TEST(BuiltinRulesTest, MountFlagsNeverMeanOtherOperationsByAccident) {
  for (const BuiltinRule& rule : RulesAndRuntimeDefault()) {
    for (const auto* rules : {&rule.bpf().rules(), &rule.bpf().rules_when_privileged()}) {
      for (const BpfMountRule& mount : rules->mounts()) {
        for (const std::string& flag : mount.flags()) {
          EXPECT_NE(flag, "all") << rule.id() << ": covers umount and pivot_root as well";
        }
      }
    }
  }
}

// In the kernel's tables, but newer than the libseccomp this is tested with (2.5.4).
const std::set<std::string>& NewSyscalls() {
  static const auto& names = *new std::set<std::string>{"fchmodat2"};
  return names;
}

TEST(BuiltinRulesTest, SyscallsExist) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const SeccompEffect& effect : rule.seccomp().syscalls()) {
      EXPECT_GT(effect.names_size(), 0) << rule.id();
      for (const std::string& name : effect.names()) {
        const bool known = seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR;
        EXPECT_TRUE(known || NewSyscalls().count(name) > 0) << rule.id() << ": " << name;
      }
    }
    for (const auto* list : {&rule.denies(), &rule.still_allows()}) {
      for (const Event& event : *list) {
        if (!event.has_syscall()) continue;
        const std::string& name = event.syscall().name();
        const bool known = seccomp_syscall_resolve_name(name.c_str()) != __NR_SCMP_ERROR;
        EXPECT_TRUE(known || NewSyscalls().count(name) > 0) << rule.id() << ": " << name;
      }
    }
  }
}

// Runtimes read an argument that occurs twice as "or" (W-33), and a comparison of 64 bits is
// escaped by setting bits that the kernel ignores (W-34).
TEST(BuiltinRulesTest, SyscallArgumentsAreMaskedAndMeanAnd) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    for (const SeccompEffect& effect : rule.seccomp().syscalls()) {
      std::set<uint32_t> indexes;
      for (const LinuxSeccompArg& arg : effect.args()) {
        EXPECT_TRUE(indexes.insert(arg.index()).second) << effect.ShortDebugString();
        EXPECT_LE(arg.index(), 5u);
        EXPECT_EQ(arg.op(), "SCMP_CMP_MASKED_EQ") << effect.ShortDebugString();
        EXPECT_EQ(arg.value() & ~uint64_t{0xFFFFFFFF}, 0u) << effect.ShortDebugString();
        EXPECT_EQ(arg.value_two() & ~arg.value(), 0u)
            << "can never match: " << effect.ShortDebugString();
      }
    }
  }
}

TEST(BuiltinRulesTest, ArchitecturesAreKnownToLibseccomp) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const SeccompEffect& effect : rule.seccomp().syscalls()) {
      for (const auto* list : {&effect.only_architectures(), &effect.except_architectures()}) {
        for (const std::string& name : *list) {
          ASSERT_TRUE(absl::StartsWith(name, "SCMP_ARCH_")) << name;
          const std::string token = absl::AsciiStrToLower(name.substr(strlen("SCMP_ARCH_")));
          EXPECT_NE(seccomp_arch_resolve_name(token.c_str()), 0u) << name;
        }
      }
      EXPECT_TRUE(effect.only_architectures().empty() || effect.except_architectures().empty());
    }
  }
}

TEST(BuiltinRulesTest, CapabilityRulesNameTheSameSetsInBothEnforcers) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    std::set<std::string> app_armor;
    for (const std::string& body : rule.app_armor().rules()) {
      const std::vector<std::string> words = absl::StrSplit(body, ' ');
      if (words[0] == "capability") app_armor.insert(words.size() > 1 ? words[1] : "all");
    }
    std::set<std::string> bpf;
    for (const BpfCapabilityRule& capability : rule.bpf().rules().capabilities()) {
      bpf.insert(capability.names().begin(), capability.names().end());
    }
    // AppArmor's parser would take it for sys_admin.
    bpf.erase("checkpoint_restore");
    EXPECT_EQ(app_armor.count("checkpoint_restore"), 0) << rule.id();
    EXPECT_EQ(app_armor, bpf) << rule.id();
  }
}

TEST(BuiltinRulesTest, ThereIsARuleForEachCapability) {
  for (const absl::string_view name : kCapabilityNames) {
    const BuiltinRule* rule =
        BuiltinCatalogue().Find(NormaliseRuleName(absl::StrCat("disable-cap-", name)));
    ASSERT_NE(rule, nullptr) << name;
    ASSERT_EQ(rule->bpf().rules().capabilities_size(), 1);
    EXPECT_THAT(rule->bpf().rules().capabilities(0).names(), ::testing::ElementsAre(name));
  }
}

// The 14 that container runtimes grant by default.
TEST(BuiltinRulesTest, PrivilegedCapabilitiesAreAllButTheDefaultOnes) {
  std::set<std::string> rest(kCapabilityNames.begin(), kCapabilityNames.end());
  const auto& names = BuiltinCatalogue().Find("disable-cap-privileged")->bpf().rules();
  for (const std::string& name : names.capabilities(0).names()) rest.erase(name);
  EXPECT_THAT(rest, ::testing::UnorderedElementsAre("chown", "dac_override", "fowner", "fsetid",
                                                    "kill", "setgid", "setuid", "setpcap",
                                                    "net_bind_service", "net_raw", "sys_chroot",
                                                    "mknod", "audit_write", "setfcap"));
}

}  // namespace
}  // namespace varmor
