// Profiles of ours under real runtimes: runc and crun have to do the same with them, and do what
// the rules say.
#include "tools/oci/run_confined.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/lower/lower_seccomp.h"

namespace varmor {
namespace {

const std::vector<std::string>& Architectures() {
  static const std::vector<std::string>& words =
      *new std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  return words;
}

std::string HelperPath() {
  return absl::StrCat(getenv("TEST_SRCDIR"), "/", getenv("TEST_WORKSPACE"),
                      "/tools/oci/make_syscalls");
}

class RunConfinedTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "the numbers and architectures of this test are those of x86_64";
#endif
    const absl::Status probe = ProbeOciRuntime(GetParam(), HelperPath(), ::testing::TempDir());
    if (!probe.ok()) {
      GTEST_SKIP() << GetParam() << " runs no containers here: " << probe.message();
    }
  }

  std::vector<std::string> Run(const std::string& json, const std::vector<std::string>& calls) {
    ConfinedRun run;
    run.runtime = GetParam();
    run.seccomp_json = json;
    run.calls = calls;
    run.make_syscalls = HelperPath();
    run.scratch = ::testing::TempDir();
    const absl::StatusOr<std::vector<std::string>> outcomes = RunConfined(run);
    if (!outcomes.ok()) return {std::string(outcomes.status().message())};
    return *outcomes;
  }

  std::string Run1(const std::string& json, const std::string& call) {
    return absl::StrJoin(Run(json, {call}), "; ");
  }
};

SeccompRule Rule(std::vector<std::string> names, std::vector<SeccompArg> args,
                 std::string action = "SCMP_ACT_ERRNO") {
  SeccompRule rule;
  rule.names = std::move(names);
  rule.args = std::move(args);
  rule.action = std::move(action);
  rule.origin = {"raw", "raw"};
  return rule;
}

std::string Json(SeccompRules::Base base, std::vector<SeccompRule> rules,
                 const std::string& text = "") {
  SeccompRules input;
  input.base = base;
  input.base_text = text;
  input.rules = std::move(rules);
  Diagnostics diagnostics;
  const absl::StatusOr<SeccompProfile> profile = LowerSeccomp(input, Architectures(), diagnostics);
  EXPECT_TRUE(profile.ok()) << profile.status();
  EXPECT_FALSE(diagnostics.HasErrors());
  return profile.ok() ? SeccompJson(*profile) : "";
}

std::string BlockList(std::vector<SeccompRule> rules) {
  return Json(SeccompRules::Base::kBlockList, std::move(rules));
}

SeccompArg Masked(uint32_t index, uint64_t mask, uint64_t datum) {
  return {index, mask, datum, "SCMP_CMP_MASKED_EQ"};
}

// The kernel's own answers, without a filter: what "not blocked" looks like below.
TEST_P(RunConfinedTest, WithoutAFilterNothingIsRefused) {
  EXPECT_EQ(Run("", {"chmod(0, 0x40)", "unshare(0x10000000)", "getpid()", "9999()"}),
            (std::vector<std::string>{"errno 14", "ok", "ok", "errno 38"}));
}

TEST_P(RunConfinedTest, W33_EachAlternativeOfARepeatedIndexIsRefused) {
  const std::string json = BlockList(
      {Rule({"chmod", "fchmodat2"}, {Masked(1, 0x40, 0x40), Masked(1, 8, 8), Masked(1, 1, 1)})});
  EXPECT_EQ(Run(json, {"chmod(0, 0x40)", "chmod(0, 8)", "chmod(0, 1)", "chmod(0, 0x1ff)",
                       "chmod(0, 0x1b6)"}),
            (std::vector<std::string>{"errno 1", "errno 1", "errno 1", "errno 1", "errno 14"}));
}

TEST_P(RunConfinedTest, W33_ArgumentsOnDifferentIndexesAllHaveToHold) {
  const std::string json =
      BlockList({Rule({"setsockopt"}, {Masked(1, 0xffffffff, 1), Masked(2, 0xffffffff, 26)})});
  EXPECT_EQ(Run(json, {"setsockopt(99, 1, 26)", "setsockopt(99, 1, 25)", "setsockopt(99, 2, 26)"}),
            (std::vector<std::string>{"errno 1", "errno 9", "errno 9"}));
}

TEST_P(RunConfinedTest, W34_TheUpperHalfOfAnIntArgumentDoesNotHelp) {
  const std::string json = BlockList({Rule({"bpf"}, {Masked(0, 0xffffffff, 5)})});
  EXPECT_EQ(Run1(json, "bpf(5, 0, 0)"), "errno 1");
  EXPECT_EQ(Run1(json, "bpf(0x100000005, 0, 0)"), "errno 1");
}

TEST_P(RunConfinedTest, EachActionDoesWhatItSays) {
  SeccompRule enosys = Rule({"mount"}, {});
  enosys.errno_ret = 38;
  const std::string json = BlockList(
      {enosys, Rule({"umount2"}, {}, "SCMP_ACT_KILL"),
       Rule({"pivot_root"}, {}, "SCMP_ACT_KILL_PROCESS"), Rule({"chroot"}, {}, "SCMP_ACT_TRAP"),
       Rule({"chmod"}, {}, "SCMP_ACT_LOG"), Rule({"chown"}, {}, "SCMP_ACT_TRACE")});
  EXPECT_EQ(Run(json, {"mount(0, 0, 0, 0, 0)", "umount2(0, 0)", "pivot_root(0, 0)", "chroot(0)",
                       "chmod(0, 0)", "chown(0, 0, 0)"}),
            (std::vector<std::string>{"errno 38", "signal 31", "signal 31", "signal 31", "errno 14",
                                      "errno 38"}));
}

TEST_P(RunConfinedTest, W31_ProgramsOf32BitsRunAndAreFiltered) {
  const std::string json = BlockList({Rule({"chmod"}, {Masked(1, 0x40, 0x40)})});
  if (Run1("", "i386:getpid()") != "ok") {
    GTEST_SKIP() << "this kernel has no 32-bit system calls";
  }
  EXPECT_EQ(Run(json, {"i386:getpid()", "i386:chmod(0, 0x40)", "i386:chmod(0, 0)"}),
            (std::vector<std::string>{"ok", "errno 1", "errno 14"}));
  // Without the list of architectures.
  EXPECT_EQ(Run1(R"({"defaultAction":"SCMP_ACT_ALLOW"})", "i386:getpid()"), "signal 31");
}

TEST_P(RunConfinedTest, RecordingAndAllowEverythingRefuseNothing) {
  for (const SeccompRules::Base base :
       {SeccompRules::Base::kAllowAll, SeccompRules::Base::kRecord}) {
    EXPECT_EQ(Run(Json(base, {}), {"chmod(0, 0x40)", "unshare(0x10000000)"}),
              (std::vector<std::string>{"errno 14", "ok"}));
  }
}

// The list of docs/seccomp.md: what runtimes and a static program need.
std::string SmallestAllowList() {
  std::ifstream file(
      absl::StrCat(getenv("TEST_SRCDIR"), "/", getenv("TEST_WORKSPACE"), "/docs/seccomp.md"));
  std::ostringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const std::string open = "```json\n";
  const size_t start = page.find(open);
  EXPECT_NE(start, std::string::npos);
  const size_t end = page.find("```\n", start + open.size());
  EXPECT_NE(end, std::string::npos);
  return page.substr(start + open.size(), end - start - open.size());
}

TEST_P(RunConfinedTest, DefenseInDepthRefusesWhatIsNotListed) {
  const std::string json =
      Json(SeccompRules::Base::kText, {Rule({"chmod"}, {Masked(1, 0x40, 0)}, "SCMP_ACT_ALLOW")},
           SmallestAllowList());
  EXPECT_EQ(Run(json, {"getpid()", "mount(0, 0, 0, 0, 0)", "clone3(0, 0)", "chmod(0, 0x40)",
                       "chmod(0, 0x80)"}),
            (std::vector<std::string>{"ok", "errno 1", "errno 38", "errno 1", "errno 14"}));
}

SeccompRules RulesOf(const BuiltinRule& builtin) {
  SeccompRules rules;
  rules.base = SeccompRules::Base::kBlockList;
  for (const SeccompEffect& effect : builtin.seccomp().syscalls()) {
    SeccompRule rule;
    rule.names.assign(effect.names().begin(), effect.names().end());
    rule.action = "SCMP_ACT_ERRNO";
    if (effect.errno_ret() != 0) rule.errno_ret = effect.errno_ret();
    for (const LinuxSeccompArg& arg : effect.args()) {
      rule.args.push_back({arg.index(), arg.value(), arg.value_two(), arg.op()});
    }
    rule.only_architectures.assign(effect.only_architectures().begin(),
                                   effect.only_architectures().end());
    rule.except_architectures.assign(effect.except_architectures().begin(),
                                     effect.except_architectures().end());
    rule.origin = {builtin.id(), ""};
    rule.builtin = true;
    rules.rules.push_back(std::move(rule));
  }
  return rules;
}

bool ForSeccomp(const Event& event) {
  if (!event.has_syscall()) return false;
  if (event.enforcers().empty()) return true;
  for (const std::string& enforcer : event.enforcers()) {
    if (enforcer == "seccomp") return true;
  }
  return false;
}

std::string CallText(const SyscallEvent& event) {
  return absl::StrCat(event.name(), "(", absl::StrJoin(event.args(), ", "), ")");
}

// Every example of the catalogue, made for real.
TEST_P(RunConfinedTest, BuiltinRulesRefuseTheirExamplesAndNotTheNearMisses) {
  int tried = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (rule.seccomp().syscalls().empty()) continue;
    Diagnostics diagnostics;
    const absl::StatusOr<SeccompProfile> profile =
        LowerSeccomp(RulesOf(rule), Architectures(), diagnostics);
    ASSERT_TRUE(profile.ok()) << profile.status();
    std::vector<std::string> calls;
    std::vector<bool> denied;
    for (const Event& event : rule.denies()) {
      if (!ForSeccomp(event)) continue;
      calls.push_back(CallText(event.syscall()));
      denied.push_back(true);
    }
    for (const Event& event : rule.still_allows()) {
      if (!ForSeccomp(event)) continue;
      calls.push_back(CallText(event.syscall()));
      denied.push_back(false);
    }
    const std::vector<std::string> free = Run("", calls);
    const std::vector<std::string> got = Run(SeccompJson(*profile), calls);
    ASSERT_EQ(got.size(), calls.size()) << rule.id() << ": " << absl::StrJoin(got, "; ");
    ASSERT_EQ(free.size(), calls.size()) << rule.id() << ": " << absl::StrJoin(free, "; ");
    for (size_t i = 0; i < calls.size(); ++i) {
      if (denied[i]) {
        EXPECT_TRUE(got[i] == "errno 1" || got[i] == "errno 38")
            << rule.id() << " " << calls[i] << ": " << got[i];
        // Otherwise the example proves nothing.
        EXPECT_NE(got[i], free[i]) << rule.id() << " " << calls[i];
      } else {
        EXPECT_EQ(got[i], free[i]) << rule.id() << " " << calls[i];
      }
      ++tried;
    }
  }
  EXPECT_GT(tried, 20);
}

INSTANTIATE_TEST_SUITE_P(Runtimes, RunConfinedTest, ::testing::ValuesIn(kOciRuntimes),
                         [](const auto& info) { return std::string(info.param); });

TEST(RunConfinedCallTest, CallsThatCannotBeReadAreRefused) {
  for (const char* call :
       {"", "chmod", "chmod(", "nosuch()", "chmod(x)", "chmod(1,2,3,4,5,6,7)", "chmod(-1)"}) {
    ConfinedRun run;
    run.runtime = "no-such-runtime";
    run.calls = {call};
    run.make_syscalls = HelperPath();
    run.scratch = ::testing::TempDir();
    EXPECT_EQ(RunConfined(run).status(),
              absl::InvalidArgumentError(absl::StrCat("cannot read the call \"", call, "\"")));
  }
}

TEST(RunConfinedCallTest, ARuntimeThatIsMissingIsToldByName) {
  EXPECT_EQ(ProbeOciRuntime("no-such-runtime", HelperPath(), ::testing::TempDir()).message(),
            "no-such-runtime exited with 127: no-such-runtime: No such file or directory");
}

}  // namespace
}  // namespace varmor
