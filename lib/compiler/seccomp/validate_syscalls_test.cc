#include "lib/compiler/seccomp/validate_syscalls.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

const SyscallContext& BlockList() {
  static const SyscallContext& context = *new SyscallContext{
      "SCMP_ACT_ALLOW", false, {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}};
  return context;
}

// `rules` is a list of LinuxSyscall in text format: `syscall_raw_rules { ... }`.
std::string Validate(const std::string& rules, bool lenient = false,
                     const SyscallContext& context = BlockList()) {
  EnhanceProtect parsed;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(rules, &parsed)) << rules;
  Diagnostics diagnostics(lenient);
  ValidateSyscalls(parsed.syscall_raw_rules(), "raw", context, diagnostics);
  std::string lines;
  for (const Diagnostic& d : diagnostics.list()) absl::StrAppend(&lines, FormatDiagnostic(d));
  return lines;
}

std::string Entry(const std::string& body) {
  return absl::StrCat("syscall_raw_rules { ", body, " }\n");
}

std::string Errno(const std::string& names, const std::string& rest = "") {
  return Entry(absl::StrCat("names: [", names, "] action: 'SCMP_ACT_ERRNO' ", rest));
}

std::string Masked(const std::string& mask, const std::string& datum) {
  return Errno("'chmod'", absl::StrCat("args { index: 1 value: ", mask, " value_two: ", datum,
                                       " op: 'SCMP_CMP_MASKED_EQ' }"));
}

TEST(ValidateSyscallsTest, AcceptsWhatPoliciesContain) {
  const std::string kRules[] = {
      "",
      Errno("'ptrace', 'mknod', 'mount'"),
      Errno("'clone3'", "errno_ret: 38"),
      Errno("'fchmodat2'"),
      Errno("'mseal', 'open_tree_attr'"),
      Errno("'socket'", "args { index: 0 value: 38 op: 'SCMP_CMP_EQ' }"),
      Errno("'fchmodat'",
            "args { index: 2 value: 64 value_two: 64 op: 'SCMP_CMP_MASKED_EQ' }"
            "args { index: 2 value: 8 value_two: 8 op: 'SCMP_CMP_MASKED_EQ' }"),
      Entry("names: 'mount' action: 'SCMP_ACT_LOG'"),
      Entry("names: 'mount' action: 'SCMP_ACT_KILL_PROCESS'"),
      Entry("names: 'mount' action: 'SCMP_ACT_TRACE' errno_ret: 5"),
      // 64-bit and 32-bit only names.
      Errno("'socketcall', 'chown32', 'arch_prctl'"),
  };
  for (const std::string& rules : kRules) EXPECT_EQ(Validate(rules), "") << rules;
}

struct Case {
  std::string rules;
  std::string want;
};

TEST(ValidateSyscallsTest, W37_ReportsEveryMistake) {
  const Case kCases[] = {
      {Errno("'mout'"),
       "error: raw[0].names[0]: unknown syscall \"mout\"; runtimes skip it silently "
       "[unknown-syscall]\n"
       "  fix: did you mean \"mount\"?\n"},
      {Errno("'xyzzyplugh'"),
       "error: raw[0].names[0]: unknown syscall \"xyzzyplugh\"; runtimes skip it silently "
       "[unknown-syscall]\n"},
      {Errno("'sys_mount'"),
       "error: raw[0].names[0]: unknown syscall \"sys_mount\"; runtimes skip it silently "
       "[unknown-syscall]\n"
       "  fix: did you mean \"fsmount\"?\n"},
      {Errno("'s390_runtime_instr'"),
       "warning: raw[0].names[0]: \"s390_runtime_instr\" does not exist on SCMP_ARCH_X86_64, "
       "SCMP_ARCH_X86, SCMP_ARCH_X32 [foreign-syscall]\n"},
      {Errno(""),
       "error: raw[0].names: no syscall is named [no-syscalls]\n"
       "  fix: name at least one, or remove the rule\n"},
      {Errno("'mount', 'mount'"),
       "warning: raw[0].names[1]: \"mount\" is named twice [duplicate-syscall]\n"
       "  fix: remove one of them\n"},
      {Entry("names: 'mount' action: 'SCMP_ACT_ERNO'"),
       "error: raw[0].action: unknown action \"SCMP_ACT_ERNO\" [unknown-action]\n"
       "  fix: did you mean \"SCMP_ACT_ERRNO\"?\n"},
      {Entry("names: 'mount' action: 'SCMP_ACT_ALLOW'"),
       "error: raw[0].action: \"SCMP_ACT_ALLOW\" has no effect where everything is allowed that no "
       "rule names [no-effect]\n"
       "  fix: remove the rule; to deny everything else use mode DefenseInDepth\n"},
      {Entry("names: 'mount' action: 'SCMP_ACT_NOTIFY'"),
       "error: raw[0].action: \"SCMP_ACT_NOTIFY\" needs a listener: runc does not start the "
       "container, crun refuses the call with ENOSYS [notify-without-listener]\n"
       "  fix: use SCMP_ACT_ERRNO\n"},
      {Errno("'execve'"),
       "warning: raw[0].names: refuses \"execve\", which the runtime itself calls to start the "
       "container [blocks-start]\n"
       "  fix: deny programs with the AppArmor or BPF enforcer\n"},
      {Entry("names: 'mount' action: 'SCMP_ACT_LOG' errno_ret: 1"),
       "error: raw[0].errnoRet: an errno beside \"SCMP_ACT_LOG\": runc ignores it, crun does not "
       "start the container [errno-without-errno-action]\n"
       "  fix: remove errnoRet, or use SCMP_ACT_ERRNO\n"},
      {Errno("'mount'", "errno_ret: 4095"),
       "error: raw[0].errnoRet: errno 4095 is too large; the largest is 4094 [bad-errno]\n"
       "  fix: 1 is EPERM, 38 is ENOSYS\n"},
      {Errno("'mount'", "errno_ret: 0"),
       "warning: raw[0].errnoRet: errno 0 makes the call return 0, as if it had worked "
       "[errno-zero]\n"
       "  fix: 1 is EPERM, 38 is ENOSYS\n"},
      {Errno("'mount'", "args { index: 6 value: 1 op: 'SCMP_CMP_EQ' }"),
       "error: raw[0].args[0].index: no argument has index 6 [bad-index]\n"
       "  fix: the six arguments are 0 to 5\n"},
      {Errno("'mount'", "args { index: 0 value: 1 op: 'SCMP_CMP_EQUAL' }"),
       "error: raw[0].args[0].op: unknown operator \"SCMP_CMP_EQUAL\" [unknown-operator]\n"
       "  fix: did you mean \"SCMP_CMP_EQ\"?\n"},
      {Errno("'mount'", "args { index: 0 value: 1 value_two: 2 op: 'SCMP_CMP_EQ' }"),
       "warning: raw[0].args[0].valueTwo: only SCMP_CMP_MASKED_EQ reads valueTwo, not SCMP_CMP_EQ "
       "[unused-value]\n"
       "  fix: remove it\n"},
      {Errno("'mount'", "args { index: 0 value: 0 op: 'SCMP_CMP_LT' }"),
       "error: raw[0].args[0]: no value meets this condition [never-holds]\n"
       "  fix: comparisons are unsigned, of 64 bits\n"},
      {Errno("'mount'", "args { index: 0 value: 0 op: 'SCMP_CMP_GE' }"),
       "error: raw[0].args[0]: every value meets this condition [always-holds]\n"
       "  fix: remove the argument\n"},
      {Masked("0", "1"),
       "error: raw[0].args[0].value: a mask of 0 compares nothing: every value meets this "
       "condition "
       "[always-holds]\n"
       "  fix: value is the mask, valueTwo what the masked argument has to be\n"},
      {Masked("8", "255"),
       "error: raw[0].args[0].valueTwo: bits 0xf7 are not in the mask 0x8 and do not count "
       "[bits-outside-mask]\n"
       "  fix: value is the mask, valueTwo what the masked argument has to be\n"},
      {Errno("'clone3'") + Errno("'mount', 'clone3'", "errno_ret: 38"),
       "error: raw[1]: for some calls of \"clone3\" this says SCMP_ACT_ERRNO(38) and raw[0] says "
       "SCMP_ACT_ERRNO(1); runtimes follow one of them or do not start [contradictory-actions]\n"
       "  fix: keep one of them, or give them conditions that exclude each other\n"},
  };
  for (const Case& c : kCases) EXPECT_EQ(Validate(c.rules), c.want) << c.rules;
}

TEST(ValidateSyscallsTest, W37_ReportsAllMistakesAtOnce) {
  const std::string got = Validate(Errno("'mout', 'splise'", "errno_ret: 5000") + Errno(""));
  EXPECT_EQ(got,
            "error: raw[0].names[0]: unknown syscall \"mout\"; runtimes skip it silently "
            "[unknown-syscall]\n"
            "  fix: did you mean \"mount\"?\n"
            "error: raw[0].names[1]: unknown syscall \"splise\"; runtimes skip it silently "
            "[unknown-syscall]\n"
            "  fix: did you mean \"splice\"?\n"
            "error: raw[0].errnoRet: errno 5000 is too large; the largest is 4094 [bad-errno]\n"
            "  fix: 1 is EPERM, 38 is ENOSYS\n"
            "error: raw[1].names: no syscall is named [no-syscalls]\n"
            "  fix: name at least one, or remove the rule\n");
}

TEST(ValidateSyscallsTest, LenientWarnsAboutWhatIsIgnoredButNotAboutWhatDoesNotStart) {
  EXPECT_EQ(Validate(Errno("'mout'"), true).substr(0, 8), "warning:");
  EXPECT_EQ(Validate(Entry("names: 'mount' action: 'SCMP_ACT_ALLOW'"), true).substr(0, 8),
            "warning:");
  EXPECT_EQ(Validate(Entry("names: 'mount' action: 'SCMP_ACT_X'"), true).substr(0, 6), "error:");
  EXPECT_EQ(Validate(Errno("'mount'", "errno_ret: 4095"), true).substr(0, 6), "error:");
}

TEST(ValidateSyscallsTest, ConditionsThatExcludeEachOtherMayHaveDifferentActions) {
  EXPECT_EQ(Validate(Errno("'bpf'", "args { index: 0 value: 5 op: 'SCMP_CMP_EQ' }") +
                     Entry("names: 'bpf' action: 'SCMP_ACT_LOG' "
                           "args { index: 0 value: 5 op: 'SCMP_CMP_NE' }")),
            "");
  // The same outcome in other words.
  EXPECT_EQ(Validate(Errno("'bpf'") + Errno("'bpf'", "errno_ret: 1")), "");
  EXPECT_EQ(Validate(Entry("names: 'bpf' action: 'SCMP_ACT_KILL'") +
                     Entry("names: 'bpf' action: 'SCMP_ACT_KILL_THREAD'")),
            "");
}

TEST(ValidateSyscallsTest, AllowIsWelcomeWhereTheDefaultDenies) {
  SyscallContext context;
  context.default_action = "SCMP_ACT_ERRNO";
  EXPECT_EQ(Validate(Entry("names: 'chmod' action: 'SCMP_ACT_ALLOW'"), false, context), "");
}

TEST(ValidateSyscallsTest, EntriesOfATextAreReportedAtTheirPlaces) {
  const std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
  {"names": ["read", "reed"], "action": "SCMP_ACT_ALLOW"},
  {"names": ["read"], "action": "SCMP_ACT_NOTIFY", "errnoRet": 3,
   "args": [{"index": 0, "value": 8, "valueTwo": 9, "op": "SCMP_CMP_MASKED_EQ"}]}]})";
  Diagnostics diagnostics;
  const ParsedSeccomp parsed = ParseOciSeccomp(text, "profile", diagnostics);
  EXPECT_EQ(diagnostics.size(), 0u);
  CheckSyscallEntries(parsed, "profile", {"SCMP_ACT_ERRNO", false, {}}, diagnostics);
  std::string got;
  for (const Diagnostic& d : diagnostics.list()) {
    absl::StrAppend(&got, d.inside.line, ":", d.inside.column, " ", d.field, " ", d.code, " ",
                    d.problem.substr(0, d.problem.find(':')), "\n");
  }
  EXPECT_EQ(got,
            "2:22 profile unknown-syscall syscalls[0].names[1]\n"
            "3:33 profile notify-without-listener syscalls[1].action\n"
            "3:64 profile errno-without-errno-action syscalls[1].errnoRet\n"
            "4:50 profile bits-outside-mask syscalls[1].args[0].valueTwo\n"
            "3:3 profile contradictory-actions syscalls[1]\n");
}

TEST(ValidateSyscallsTest, RawRulesKeepEverything) {
  LinuxSyscall syscall;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "names: 'chmod' action: 'SCMP_ACT_ERRNO' errno_ret: 0 "
      "args { index: 1 value: 18446744073709551615 value_two: 2 op: 'SCMP_CMP_MASKED_EQ' }",
      &syscall));
  const SeccompRule rule = RawSeccompRule(syscall, "f[3]");
  EXPECT_EQ(rule.names, std::vector<std::string>{"chmod"});
  EXPECT_EQ(rule.action, "SCMP_ACT_ERRNO");
  EXPECT_EQ(rule.errno_ret, 0u);
  EXPECT_EQ(rule.args, (std::vector<SeccompArg>{{1, ~uint64_t{0}, 2, "SCMP_CMP_MASKED_EQ"}}));
  EXPECT_EQ(rule.origin, (Origin{"raw", "f[3]"}));
  EXPECT_FALSE(rule.builtin);
}

}  // namespace
}  // namespace varmor
