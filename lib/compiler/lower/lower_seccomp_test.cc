#include "lib/compiler/lower/lower_seccomp.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/seccomp/testing/seccomp_filter.h"

namespace varmor {
namespace {

const std::vector<std::string>& Amd64() {
  static const std::vector<std::string>& words =
      *new std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  return words;
}

SeccompArg Masked(uint32_t index, uint64_t mask, uint64_t datum) {
  return {index, mask, datum, "SCMP_CMP_MASKED_EQ"};
}
SeccompArg Equal(uint32_t index, uint64_t value) { return {index, value, 0, "SCMP_CMP_EQ"}; }

SeccompRule Rule(std::vector<std::string> names, std::vector<SeccompArg> args,
                 std::string action = "SCMP_ACT_ERRNO") {
  SeccompRule rule;
  rule.names = std::move(names);
  rule.args = std::move(args);
  rule.action = std::move(action);
  return rule;
}

SeccompRule Raw(std::vector<std::string> names, std::vector<SeccompArg> args = {},
                std::string action = "SCMP_ACT_ERRNO") {
  SeccompRule rule = Rule(std::move(names), std::move(args), std::move(action));
  rule.origin = {"raw", "raw[0]"};
  return rule;
}

SeccompRule Builtin(std::string id, std::vector<std::string> names,
                    std::vector<SeccompArg> args = {}, std::string action = "SCMP_ACT_ERRNO") {
  SeccompRule rule = Rule(std::move(names), std::move(args), std::move(action));
  rule.origin = {id, absl::StrCat("rules.", id)};
  rule.builtin = true;
  return rule;
}

SeccompRules BlockList(std::vector<SeccompRule> rules) {
  SeccompRules out;
  out.base = SeccompRules::Base::kBlockList;
  out.rules = std::move(rules);
  return out;
}

SeccompRules Text(std::string json, std::vector<SeccompRule> rules = {}) {
  SeccompRules out;
  out.base = SeccompRules::Base::kText;
  out.base_text = std::move(json);
  out.base_origin = {"custom", "customProfile"};
  out.rules = std::move(rules);
  return out;
}

// Rendered diagnostics, with the place inside the text in front.
std::string Lines(const Diagnostics& diagnostics) {
  std::string lines;
  for (const Diagnostic& d : diagnostics.list()) {
    if (d.inside.line > 0) absl::StrAppend(&lines, d.inside.line, ":", d.inside.column, " ");
    absl::StrAppend(&lines, FormatDiagnostic(d));
  }
  return lines;
}

struct Lowered {
  SeccompProfile profile;
  std::string diagnostics;
  // One text per entry, as in the artifact.
  std::string entries;

  std::string Decide(const std::string& name, std::vector<uint64_t> args,
                     const char* architecture = "SCMP_ARCH_X86_64") const {
    const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(SeccompJson(profile));
    if (!filter.ok()) return std::string(filter.status().message());
    return filter->Decide(architecture, name, args);
  }
};

Lowered Lower(const SeccompRules& rules, const std::vector<std::string>& architectures = Amd64(),
              bool lenient = false) {
  Diagnostics diagnostics(lenient);
  const absl::StatusOr<SeccompProfile> profile = LowerSeccomp(rules, architectures, diagnostics);
  Lowered out;
  EXPECT_TRUE(profile.ok()) << profile.status();
  if (!profile.ok()) return out;
  out.profile = *profile;
  out.diagnostics = Lines(diagnostics);
  const SeccompArtifact artifact = EmitSeccomp("p", *profile);
  for (const RuleOrigin& rule : artifact.rules()) {
    absl::StrAppend(&out.entries, rule.rule(), ": ", rule.text(), "\n");
  }
  return out;
}

const SeccompRule kUserNamespaces =
    Builtin("disallow-create-user-ns", {"unshare"}, {Masked(0, 0x10000000, 0x10000000)});
const SeccompRule kLoadBpf =
    Builtin("disallow-load-all-bpf-prog", {"bpf"}, {Masked(0, 0xffffffff, 5)});

SeccompRule ChmodBit(uint64_t bit, std::string action = "SCMP_ACT_ERRNO") {
  return Builtin("disable-chmod-x-bit", {"chmod", "fchmod"}, {Masked(1, bit, bit)},
                 std::move(action));
}

TEST(LowerSeccompTest, AllowAllHasNoEntries) {
  const Lowered lowered = Lower(SeccompRules());
  EXPECT_EQ(lowered.profile.default_action, "SCMP_ACT_ALLOW");
  EXPECT_EQ(lowered.entries, "");
  EXPECT_EQ(lowered.Decide("read", {}), "ALLOW");
}

TEST(LowerSeccompTest, RecordingLogsAllButTheBusiestCalls) {
  SeccompRules rules;
  rules.base = SeccompRules::Base::kRecord;
  const Lowered lowered = Lower(rules);
  EXPECT_EQ(lowered.entries, "model: open,openat,openat2,close,read,write -> SCMP_ACT_ALLOW\n");
  EXPECT_EQ(lowered.Decide("openat", {}), "ALLOW");
  EXPECT_EQ(lowered.Decide("connect", {}), "LOG");
}

TEST(LowerSeccompTest, RawEntriesComeFirstThenBuiltinOnesEachWithOneName) {
  const Lowered lowered = Lower(BlockList({ChmodBit(0x40), Raw({"ptrace", "mount"})}));
  EXPECT_EQ(lowered.entries,
            "raw: ptrace -> SCMP_ACT_ERRNO\n"
            "raw: mount -> SCMP_ACT_ERRNO\n"
            "disable-chmod-x-bit: chmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO\n"
            "disable-chmod-x-bit: fchmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO\n");
  EXPECT_EQ(lowered.diagnostics, "");
}

TEST(LowerSeccompTest, W31_EveryProfileListsTheArchitectures) {
  for (const SeccompRules::Base base :
       {SeccompRules::Base::kAllowAll, SeccompRules::Base::kBlockList,
        SeccompRules::Base::kRecord}) {
    SeccompRules rules;
    rules.base = base;
    const Lowered lowered = Lower(rules);
    EXPECT_EQ(lowered.profile.architectures, Amd64());
    for (const std::string& architecture : Amd64()) {
      EXPECT_EQ(lowered.Decide("read", {}, architecture.c_str()), "ALLOW") << architecture;
    }
  }
}

TEST(LowerSeccompTest, W32_TheSameRulesGiveTheSameBytes) {
  const SeccompRules rules = BlockList({kUserNamespaces, kLoadBpf, ChmodBit(1), ChmodBit(8),
                                        Raw({"splice", "mount", "bpf", "add_key"})});
  Diagnostics diagnostics;
  const std::string first = SeccompJson(*LowerSeccomp(rules, Amd64(), diagnostics));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(SeccompJson(*LowerSeccomp(rules, Amd64(), diagnostics)), first);
  }
}

TEST(LowerSeccompTest, W33_ARawRuleOnAnotherIndexDoesNotWeakenABuiltinRule) {
  const Lowered lowered = Lower(BlockList({kLoadBpf, Raw({"bpf"}, {Equal(2, 7)})}));
  EXPECT_EQ(lowered.diagnostics, "");
  EXPECT_EQ(lowered.Decide("bpf", {5, 0, 0}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("bpf", {0, 0, 7}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("bpf", {5, 0, 7}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("bpf", {0, 0, 0}), "ALLOW");
}

TEST(LowerSeccompTest, W33_ARawRuleOnTwoIndexesDoesNotBlockTooMuch) {
  const Lowered lowered =
      Lower(BlockList({ChmodBit(0x40), ChmodBit(8), ChmodBit(1),
                       Raw({"chmod"}, {Equal(0, 5), Masked(1, 0x800, 0x800)})}));
  EXPECT_EQ(lowered.Decide("chmod", {5, 0x800}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("chmod", {5, 0}), "ALLOW");
  EXPECT_EQ(lowered.Decide("chmod", {0, 0x800}), "ALLOW");
  for (const uint64_t bit : {0x40u, 8u, 1u}) {
    EXPECT_EQ(lowered.Decide("chmod", {0, bit}), "ERRNO(1)");
    EXPECT_EQ(lowered.Decide("fchmod", {0, bit | 0x1b6}), "ERRNO(1)");
  }
  EXPECT_EQ(lowered.Decide("chmod", {0, 0x1b6}), "ALLOW");
}

TEST(LowerSeccompTest, ARepeatedIndexBecomesOneEntryPerArgument) {
  const Lowered lowered = Lower(BlockList(
      {Raw({"fchmodat"}, {Masked(2, 0x40, 0x40), Masked(2, 8, 8), Equal(0, 3), Masked(2, 8, 8)})}));
  EXPECT_EQ(lowered.entries,
            "raw: fchmodat arg2&0x40==0x40 -> SCMP_ACT_ERRNO\n"
            "raw: fchmodat arg2&0x8==0x8 -> SCMP_ACT_ERRNO\n"
            "raw: fchmodat arg0==0x3 -> SCMP_ACT_ERRNO\n");
}

TEST(LowerSeccompTest, W34_MaskedComparisonsIgnoreTheUpperHalf) {
  const Lowered lowered =
      Lower(BlockList({kLoadBpf, Raw({"socket"}, {Masked(0, 0xffffffff, 38)})}));
  EXPECT_EQ(lowered.Decide("bpf", {0x100000005}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("bpf", {0xffffffff00000005}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("socket", {0x8000000000000026}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("bpf", {0x500000000}), "ALLOW");
}

TEST(LowerSeccompTest, W34_ValuesOfMoreThan32BitsAreAWarningBeside32BitArchitectures) {
  const SeccompRules rules = BlockList(
      {Raw({"personality"}, {Equal(0, 0x100000005)}), Raw({"bpf"}, {Masked(0, ~uint64_t{0}, 5)})});
  EXPECT_EQ(
      Lower(rules).diagnostics,
      "warning: raw[0]: for personality: 0x100000005 has more than 32 bits; on SCMP_ARCH_X86, "
      "SCMP_ARCH_X32 it counts as 0x5 [wide-value]\n"
      "  fix: for an int argument use SCMP_CMP_MASKED_EQ with the mask 4294967295\n");
  EXPECT_EQ(Lower(rules).Decide("personality", {5}, "SCMP_ARCH_X86"), "ERRNO(1)");
  EXPECT_EQ(Lower(rules, {"SCMP_ARCH_X86_64"}).diagnostics, "");
}

TEST(LowerSeccompTest, W35_Clone3FallsBackToCloneAndCloneIsRefused) {
  SeccompRule clone3 = Builtin("disallow-create-user-ns", {"clone3"});
  clone3.errno_ret = 38;
  SeccompRule clone =
      Builtin("disallow-create-user-ns", {"clone"}, {Masked(0, 0x10000000, 0x10000000)});
  clone.except_architectures = {"SCMP_ARCH_S390", "SCMP_ARCH_S390X"};
  SeccompRule s390 =
      Builtin("disallow-create-user-ns", {"clone"}, {Masked(1, 0x10000000, 0x10000000)});
  s390.only_architectures = clone.except_architectures;
  const SeccompRules rules = BlockList({kUserNamespaces, clone, s390, clone3});

  const Lowered amd64 = Lower(rules);
  EXPECT_EQ(amd64.diagnostics, "");
  for (const std::string& architecture : Amd64()) {
    const char* arch = architecture.c_str();
    EXPECT_EQ(amd64.Decide("clone3", {0x7fff0000, 88}, arch), "ERRNO(38)");
    EXPECT_EQ(amd64.Decide("clone", {0x10000011}, arch), "ERRNO(1)");
    EXPECT_EQ(amd64.Decide("clone", {0x11, 0x10000000}, arch), "ALLOW");
    EXPECT_EQ(amd64.Decide("unshare", {0x10020000}, arch), "ERRNO(1)");
    EXPECT_EQ(amd64.Decide("unshare", {0x00020000}, arch), "ALLOW");
  }
  const Lowered s390x = Lower(rules, {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"});
  EXPECT_EQ(s390x.diagnostics, "");
  EXPECT_EQ(s390x.entries,
            "disallow-create-user-ns: unshare arg0&0x10000000==0x10000000 -> SCMP_ACT_ERRNO\n"
            "disallow-create-user-ns: clone arg1&0x10000000==0x10000000 -> SCMP_ACT_ERRNO\n"
            "disallow-create-user-ns: clone3 -> SCMP_ACT_ERRNO(38)\n");
}

TEST(LowerSeccompTest, AnEntryForSomeOfTheArchitecturesIsKeptWithAWarning) {
  SeccompRule rule = Builtin("r", {"vm86"});
  rule.only_architectures = {"SCMP_ARCH_X86"};
  const Lowered lowered = Lower(BlockList({rule}));
  EXPECT_EQ(lowered.entries, "r: vm86 -> SCMP_ACT_ERRNO\n");
  EXPECT_EQ(lowered.diagnostics,
            "warning: rules.r: an entry of \"r\" for vm86 also acts on SCMP_ARCH_X86_64, "
            "SCMP_ARCH_X32, where its arguments mean something else [architecture-condition]\n"
            "  fix: compile for the architectures of one kind of node at a time\n");
}

TEST(LowerSeccompTest, AnUnconditionalEntryReplacesTheOthersOfItsAction) {
  EXPECT_EQ(Lower(BlockList({kLoadBpf, Raw({"bpf"})})).entries, "raw: bpf -> SCMP_ACT_ERRNO\n");
  EXPECT_EQ(Lower(BlockList({Builtin("dirty-pipe-mitigation", {"splice"}),
                             Raw({"splice", "tee"}, {Equal(0, 1)})}))
                .entries,
            "raw: tee arg0==0x1 -> SCMP_ACT_ERRNO\n"
            "dirty-pipe-mitigation: splice -> SCMP_ACT_ERRNO\n");
  // errno 1 is EPERM, the default.
  SeccompRule eperm = Raw({"splice"});
  eperm.errno_ret = 1;
  EXPECT_EQ(Lower(BlockList({Builtin("dirty-pipe-mitigation", {"splice"}), eperm})).entries,
            "raw: splice -> SCMP_ACT_ERRNO(1)\n");
}

TEST(LowerSeccompTest, ExactDuplicatesOfABuiltinRuleAreLeftOut) {
  const Lowered lowered =
      Lower(BlockList({ChmodBit(0x40), ChmodBit(0x40), Raw({"chmod"}, {Masked(1, 0x40, 0xff)})}));
  EXPECT_EQ(lowered.entries,
            "raw: chmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO\n"
            "disable-chmod-x-bit: fchmod arg1&0x40==0x40 -> SCMP_ACT_ERRNO\n");
}

TEST(LowerSeccompTest, ARawDenialReplacesABuiltinObservation) {
  const Lowered lowered = Lower(BlockList({ChmodBit(0x40, "SCMP_ACT_LOG"), Raw({"chmod"})}));
  EXPECT_EQ(lowered.diagnostics, "");
  EXPECT_EQ(lowered.Decide("chmod", {0, 0x40}), "ERRNO(1)");
  EXPECT_EQ(lowered.Decide("fchmod", {0, 0x40}), "LOG");
}

TEST(LowerSeccompTest, ARawErrnoReplacesABuiltinOne) {
  SeccompRule enosys = Raw({"unshare"});
  enosys.errno_ret = 38;
  const Lowered lowered = Lower(BlockList({kUserNamespaces, enosys}));
  EXPECT_EQ(lowered.diagnostics, "");
  EXPECT_EQ(lowered.Decide("unshare", {0x10000000}), "ERRNO(38)");
}

TEST(LowerSeccompTest, W37_ARawRuleThatWeakensABuiltinRuleIsAnError) {
  const SeccompRules rules = BlockList({ChmodBit(0x40), Raw({"chmod"}, {}, "SCMP_ACT_LOG")});
  EXPECT_EQ(Lower(rules).diagnostics,
            "error: raw[0]: for some calls of \"chmod\" this says SCMP_ACT_LOG and built-in rule "
            "\"disable-chmod-x-bit\" says SCMP_ACT_ERRNO(1); runtimes follow one of them or do not "
            "start [contradictory-actions]\n"
            "  fix: keep one of them, or give them conditions that exclude each other\n");
  EXPECT_EQ(Lower(rules, Amd64(), /*lenient=*/true).Decide("chmod", {0, 0x40}), "LOG");
}

TEST(LowerSeccompTest, W37_OverlappingConditionsOfDifferentActionsAreReportedOnce) {
  const Lowered lowered =
      Lower(BlockList({ChmodBit(0x40, "SCMP_ACT_LOG"), ChmodBit(8, "SCMP_ACT_LOG"),
                       Raw({"chmod"}, {Masked(1, 1, 1)})}));
  EXPECT_EQ(lowered.diagnostics,
            "error: raw[0]: for some calls of \"chmod\" this says SCMP_ACT_ERRNO(1) and built-in "
            "rule \"disable-chmod-x-bit\" says SCMP_ACT_LOG; runtimes follow one of them or do not "
            "start [contradictory-actions]\n"
            "  fix: keep one of them, or give them conditions that exclude each other\n");
}

TEST(LowerSeccompTest, ConditionsThatLibseccompGetsWrongAreReported) {
  const SeccompArg not_five = {0, 5, 0, "SCMP_CMP_NE"};
  const SeccompArg above = {1, 0xffffffff, 0, "SCMP_CMP_GT"};
  const SeccompArg below = {1, 40, 0, "SCMP_CMP_LT"};
  EXPECT_EQ(
      Lower(BlockList({Raw({"socket"}, {Equal(0, 2), below}), Raw({"socket"}, {Equal(0, 39)})}))
          .diagnostics,
      "error: raw[0]: 2 entries have conditions on \"socket\", one of them SCMP_CMP_LT; "
      "libseccomp decides such combinations wrongly or hangs [unreliable-conditions]\n"
      "  fix: use SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ, or one entry for the syscall, or one "
      "argument in each entry and values below 2^32\n");
  const SeccompArg wide = {1, 0x100000000, 0, "SCMP_CMP_GT"};
  Diagnostics diagnostics;
  ASSERT_TRUE(LowerSeccomp(BlockList({Raw({"socket"}, {wide}), Raw({"socket"}, {not_five})}),
                           Amd64(), diagnostics)
                  .ok());
  EXPECT_TRUE(diagnostics.HasErrors());
  // One entry for each syscall, one argument in each entry.
  EXPECT_EQ(
      Lower(BlockList({Raw({"socket"}, {Equal(0, 2), above}), Raw({"bpf"}, {not_five, below})}))
          .diagnostics,
      "");
  EXPECT_EQ(Lower(BlockList({Raw({"socket"}, {below}), Raw({"socket"}, {not_five})})).diagnostics,
            "");
}

constexpr char kAllowList[] = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
  {"names": ["execve", "read", "write"], "action": "SCMP_ACT_ALLOW"}]})";

TEST(LowerSeccompTest, DefenseInDepthAppendsRawRulesUnsplit) {
  const Lowered lowered =
      Lower(Text(kAllowList, {Raw({"chmod", "fchmod", "read"}, {}, "SCMP_ACT_ALLOW")}));
  EXPECT_EQ(lowered.diagnostics, "");
  EXPECT_EQ(lowered.entries,
            "custom: execve,read,write -> SCMP_ACT_ALLOW\n"
            "raw: chmod,fchmod -> SCMP_ACT_ALLOW\n");
  EXPECT_EQ(lowered.profile.architectures, Amd64());
  EXPECT_EQ(lowered.Decide("chmod", {}), "ALLOW");
  EXPECT_EQ(lowered.Decide("mount", {}), "ERRNO(1)");
}

TEST(LowerSeccompTest, DefenseInDepthKeepsTheMembersOfTheBase) {
  const Lowered lowered = Lower(Text(
      R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],
          "listenerPath":"/run/l","listenerMetadata":"m",
          "syscalls":[{"names":["execve"],"action":"SCMP_ACT_NOTIFY"}]})"));
  EXPECT_EQ(lowered.diagnostics, "");
  EXPECT_EQ(SeccompJson(lowered.profile),
            "{\n"
            "  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
            "  \"defaultErrnoRet\": 38,\n"
            "  \"architectures\": [\n"
            "    \"SCMP_ARCH_X86_64\"\n"
            "  ],\n"
            "  \"listenerPath\": \"/run/l\",\n"
            "  \"listenerMetadata\": \"m\",\n"
            "  \"syscalls\": [\n"
            "    {\n"
            "      \"names\": [\n"
            "        \"execve\"\n"
            "      ],\n"
            "      \"action\": \"SCMP_ACT_NOTIFY\"\n"
            "    }\n"
            "  ]\n"
            "}\n");
}

TEST(LowerSeccompTest, AllowViolationsLogsAndDropsTheErrnoThatCrunRefusesBesideIt) {
  SeccompRules rules = Text(R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
      {"names":["read"],"action":"SCMP_ACT_ALLOW"},
      {"names":["mount"],"action":"SCMP_ACT_ERRNO"}]})");
  rules.log_instead_of_errno = true;
  const Lowered lowered = Lower(rules);
  EXPECT_EQ(lowered.profile.default_errno_ret, std::nullopt);
  EXPECT_EQ(lowered.Decide("chmod", {}), "LOG");
  EXPECT_EQ(lowered.Decide("mount", {}), "ERRNO(1)");
  EXPECT_EQ(
      lowered.diagnostics,
      "3:7 warning: customProfile: syscalls[1]: still refuses with SCMP_ACT_ERRNO(1) although "
      "allowViolations is set [still-denies]\n"
      "  fix: allowViolations only changes what no entry names\n");
}

TEST(LowerSeccompTest, W38_ABlockListAsBaseIsRefused) {
  EXPECT_EQ(Lower(Text(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
                       {"names":["mount"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]})"))
                .diagnostics,
            "1:18 error: customProfile: a profile that allows by default and only denies would "
            "refuse nearly everything: mode DefenseInDepth makes the default SCMP_ACT_ERRNO "
            "[block-list-profile]\n"
            "  fix: list what is allowed, or use mode EnhanceProtect with these entries as "
            "syscallRawRules\n");
}

TEST(LowerSeccompTest, W38_AReplacedDefaultIsAWarning) {
  EXPECT_EQ(Lower(Text(R"({"defaultAction":"SCMP_ACT_LOG","syscalls":[
                       {"names":["execve"],"action":"SCMP_ACT_ALLOW"}]})"))
                .diagnostics,
            "1:18 warning: customProfile: defaultAction \"SCMP_ACT_LOG\" becomes "
            "\"SCMP_ACT_ERRNO\" in mode DefenseInDepth [default-replaced]\n"
            "  fix: write \"SCMP_ACT_ERRNO\"\n");
}

TEST(LowerSeccompTest, AContainerStartsWhenTheBaseOrARawRuleAllowsIt) {
  const char* kBlocks =
      "warning: customProfile: \"execve\" is not allowed, which the runtime itself calls to start "
      "the container [blocks-start]\n"
      "  fix: allow it; docs/seccomp.md lists what runtimes need\n";
  EXPECT_EQ(Lower(Text(R"({"defaultAction":"SCMP_ACT_ERRNO"})")).diagnostics, kBlocks);
  SeccompRules rules = Text(R"({"defaultAction":"SCMP_ACT_ERRNO"})");
  rules.rules = {Raw({"read"}, {}, "SCMP_ACT_ALLOW")};
  EXPECT_EQ(Lower(rules).diagnostics, kBlocks);
  rules.rules = {Raw({"read", "execve"}, {}, "SCMP_ACT_ALLOW")};
  EXPECT_EQ(Lower(rules).diagnostics, "");
}

TEST(LowerSeccompTest, DefenseInDepthReportsWhatCannotWork) {
  const struct {
    const char* json;
    const char* want;
  } kCases[] = {
      {R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
{"names":["read"],"action":"SCMP_ACT_ALLOW"}]})",
       "warning: customProfile: \"execve\" is not allowed, which the runtime itself calls to start "
       "the container [blocks-start]\n"
       "  fix: allow it; docs/seccomp.md lists what runtimes need\n"},
      {R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
{"names":["execve"],"action":"SCMP_ACT_ALLOW"},
{"names":["mount"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]})",
       "3:1 warning: customProfile: syscalls[1]: SCMP_ACT_ERRNO(1) is what the profile does "
       "anyway; "
       "the entry is left out [no-effect]\n"
       "  fix: remove it\n"},
      {R"({"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_S390X"],
"flags":["SECCOMP_FILTER_FLAG_LOG"],
"syscalls":[{"names":["execve"],"action":"SCMP_ACT_ALLOW"}]})",
       "2:9 warning: customProfile: runc before 1.2 does not start a container whose profile has "
       "\"flags\" [flags-not-portable]\n"
       "  fix: remove them unless every node has a newer runtime\n"
       "1:52 error: customProfile: runtimes do not start a container whose profile has "
       "SCMP_ARCH_S390X beside SCMP_ARCH_X86_64: the byte order differs [byte-order]\n"
       "  fix: remove it\n"},
      {R"({"defaultAction":"SCMP_ACT_KILL","defaultErrnoRet":5,
"syscalls":[{"names":["execve"],"action":"SCMP_ACT_ALLOW"}]})",
       "1:18 warning: customProfile: defaultAction \"SCMP_ACT_KILL\" becomes \"SCMP_ACT_ERRNO\" in "
       "mode DefenseInDepth [default-replaced]\n"
       "  fix: write \"SCMP_ACT_ERRNO\"\n"
       "1:52 error: customProfile: defaultErrnoRet beside defaultAction \"SCMP_ACT_KILL\": runc "
       "ignores it, crun does not start the container [errno-without-errno-action]\n"
       "  fix: remove it\n"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Lower(Text(c.json)).diagnostics, c.want) << c.json;
}

TEST(LowerSeccompTest, W37_ARawDenialTakesNoPermissionOfTheBaseBack) {
  EXPECT_EQ(
      Lower(Text(kAllowList, {Raw({"read"})})).diagnostics,
      "error: raw[0]: SCMP_ACT_ERRNO(1) is what the profile does with every call that it does "
      "not allow; this rule takes no permission back [no-effect]\n"
      "  fix: remove the rule, and the syscalls from the entries that allow them\n");
  SeccompRule kill = Raw({"read"}, {Equal(0, 3)}, "SCMP_ACT_KILL_PROCESS");
  EXPECT_EQ(Lower(Text(kAllowList, {kill})).diagnostics,
            "error: raw[0]: for some calls of \"read\" this says SCMP_ACT_KILL_PROCESS and the "
            "profile itself says SCMP_ACT_ALLOW; runtimes follow one of them or do not start "
            "[contradictory-actions]\n"
            "  fix: keep one of them, or give them conditions that exclude each other\n");
}

TEST(LowerSeccompTest, W37_ARawNotifyNeedsTheListenerOfTheBase) {
  const SeccompRule notify = Raw({"mount"}, {}, "SCMP_ACT_NOTIFY");
  EXPECT_EQ(Lower(Text(kAllowList, {notify})).diagnostics,
            "error: raw[0].action: \"SCMP_ACT_NOTIFY\" needs a listener: runc does not start the "
            "container, crun refuses the call with ENOSYS [notify-without-listener]\n"
            "  fix: give the profile a listenerPath, or use SCMP_ACT_ERRNO\n");
  EXPECT_EQ(Lower(Text(R"({"defaultAction":"SCMP_ACT_ERRNO","listenerPath":"/run/l","syscalls":[
                       {"names":["execve"],"action":"SCMP_ACT_ALLOW"}]})",
                       {notify}))
                .diagnostics,
            "");
}

TEST(LowerSeccompTest, CallersMistakesAreStatuses) {
  Diagnostics diagnostics;
  const auto message = [&diagnostics](const SeccompRules& rules,
                                      const std::vector<std::string>& architectures) {
    return std::string(LowerSeccomp(rules, architectures, diagnostics).status().message());
  };
  EXPECT_EQ(message({}, {}), "no architecture is given");
  EXPECT_EQ(message({}, {"amd64"}), "unknown architecture \"amd64\"");
  EXPECT_EQ(message({}, {"SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"}),
            "SCMP_ARCH_S390X and SCMP_ARCH_X86_64 differ in byte order; no filter can be for both");
  EXPECT_EQ(message(BlockList({Builtin("r", {"read"}, {}, "SCMP_ACT_X")}), Amd64()),
            "malformed seccomp entry of rule \"r\"");
  EXPECT_EQ(diagnostics.size(), 0u);
}

}  // namespace
}  // namespace varmor
