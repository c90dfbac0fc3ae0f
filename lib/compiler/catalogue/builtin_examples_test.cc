// The examples of the records against their effects, decided by the plainest means there are. The
// simulator and the real kernel decide them again from compiled artifacts; this test says at once
// which line of data is wrong.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/aare.h"
#include "lib/compiler/automaton/naive_match.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"

namespace varmor {
namespace {

constexpr absl::string_view kFilePermissions = "rwlx";

bool BpfMatches(absl::string_view pattern, absl::string_view path) {
  const absl::StatusOr<PathPattern> parsed = PathPattern::Parse(pattern);
  EXPECT_TRUE(parsed.ok()) << pattern;
  return parsed.ok() && NaiveMatch(*parsed, path);
}

// AppArmor's letter for what the event needs.
char Letter(FileEvent::Access access) {
  switch (access) {
    case FileEvent::READ:
      return 'r';
    case FileEvent::LINK:
      return 'l';
    default:
      return 'w';
  }
}

using Matcher = bool (*)(absl::string_view pattern, absl::string_view path);

struct PathRule {
  std::string pattern;
  std::string letters;
  Matcher matches;
};

// "/etc/** wl" -> {"/etc/**", "wl"}; other kinds of rules are left out.
std::vector<PathRule> AppArmorPathRules(const BuiltinRule& rule) {
  std::vector<PathRule> rules;
  for (const std::string& body : rule.app_armor().rules()) {
    const size_t blank = body.rfind(' ');
    if (body[0] == '/')
      rules.push_back({body.substr(0, blank), body.substr(blank + 1), AareMatches});
  }
  return rules;
}

std::vector<PathRule> BpfPathRules(const BuiltinRule& rule) {
  std::vector<PathRule> rules;
  for (const auto* list : {&rule.bpf().rules().files(), &rule.bpf().rules().processes()}) {
    for (const BpfFileRule& file : *list) {
      std::string letters;
      for (const std::string& word : file.permissions()) {
        letters += word == "exec" ? 'x' : word[0];
        // The new name of a link is written.
        if (word == "write") letters += 'l';
      }
      rules.push_back({file.pattern(), letters, BpfMatches});
    }
  }
  return rules;
}

bool Fires(const std::vector<PathRule>& rules, const std::string& path, char letter) {
  for (const PathRule& rule : rules) {
    if (absl::StrContains(rule.letters, letter) && rule.matches(rule.pattern, path)) return true;
  }
  return false;
}

// Whether the event is one of paths, and how path rules see it.
bool PathEvent(const Event& event, std::string& path, char& letter) {
  if (event.has_file() && !event.file().disk_device()) {
    path = event.file().path();
    letter = Letter(event.file().access());
    return true;
  }
  if (event.has_exec()) {
    path = event.exec().path();
    letter = 'x';
    return true;
  }
  return false;
}

// Returns how many events were asked about.
int ExpectPathVerdicts(const std::vector<PathRule>& rules, absl::string_view enforcer,
                       const google::protobuf::RepeatedPtrField<Event>& events, bool denied) {
  if (rules.empty()) return 0;
  int asked = 0;
  for (const Event& event : events) {
    std::string path;
    char letter;
    if (!IsExampleFor(event, enforcer) || !PathEvent(event, path, letter)) continue;
    EXPECT_EQ(Fires(rules, path, letter), denied) << enforcer << ": " << event.ShortDebugString();
    ++asked;
  }
  return asked;
}

TEST(BuiltinExamplesTest, PathRulesOfBothEnforcersDecideAsTheExamplesSay) {
  int asked = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    SCOPED_TRACE(rule.id());
    asked += ExpectPathVerdicts(AppArmorPathRules(rule), "apparmor", rule.denies(), true);
    asked += ExpectPathVerdicts(AppArmorPathRules(rule), "apparmor", rule.still_allows(), false);
    asked += ExpectPathVerdicts(BpfPathRules(rule), "bpf", rule.denies(), true);
    asked += ExpectPathVerdicts(BpfPathRules(rule), "bpf", rule.still_allows(), false);
  }
  EXPECT_GT(asked, 100);
}

// What one enforcer's patterns say about the examples, the other's say too (W-42).
TEST(BuiltinExamplesTest, PathRulesOfBothEnforcersCoverTheSamePermissions) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    const std::vector<PathRule> app_armor = AppArmorPathRules(rule);
    const std::vector<PathRule> bpf = BpfPathRules(rule);
    EXPECT_EQ(app_armor.empty(), bpf.empty()) << rule.id();
    if (app_armor.empty() || bpf.empty() || app_armor[0].letters == "rx") continue;
    for (const char letter : kFilePermissions) {
      if (letter == 'l') continue;  // AppArmor has a letter for it, BPF counts it as writing
      EXPECT_EQ(absl::StrContains(app_armor[0].letters, letter),
                absl::StrContains(bpf[0].letters, letter))
          << rule.id() << ": " << letter;
    }
  }
}

TEST(BuiltinExamplesTest, CapabilitiesDecideAsTheExamplesSay) {
  const auto denies = [](const BuiltinRule& rule, const std::string& capability) {
    for (const BpfCapabilityRule& list : rule.bpf().rules().capabilities()) {
      for (const std::string& name : list.names()) {
        if (name == "all" || name == capability) return true;
      }
    }
    return false;
  };
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const Event& event : rule.denies()) {
      if (!event.has_capability()) continue;
      EXPECT_TRUE(denies(rule, event.capability())) << rule.id();
    }
    for (const Event& event : rule.still_allows()) {
      if (!event.has_capability()) continue;
      EXPECT_FALSE(denies(rule, event.capability())) << rule.id();
    }
  }
}

bool AppliesOn(const SeccompEffect& effect, absl::string_view architecture) {
  for (const std::string& name : effect.except_architectures()) {
    if (name == architecture) return false;
  }
  for (const std::string& name : effect.only_architectures()) {
    if (name == architecture) return true;
  }
  return effect.only_architectures().empty();
}

bool Fires(const SeccompEffect& effect, const SyscallEvent& event) {
  bool named = false;
  for (const std::string& name : effect.names()) named |= name == event.name();
  if (!named) return false;
  for (const LinuxSeccompArg& arg : effect.args()) {
    const int index = static_cast<int>(arg.index());
    const uint64_t value = index < event.args_size() ? event.args(index) : 0;
    if ((value & arg.value()) != arg.value_two()) return false;
  }
  return true;
}

bool Denies(const BuiltinRule& rule, const SyscallEvent& event, absl::string_view architecture) {
  for (const SeccompEffect& effect : rule.seccomp().syscalls()) {
    if (AppliesOn(effect, architecture) && Fires(effect, event)) return true;
  }
  return false;
}

TEST(BuiltinExamplesTest, SyscallsDecideAsTheExamplesSay) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const Event& event : rule.denies()) {
      if (!event.has_syscall()) continue;
      EXPECT_TRUE(Denies(rule, event.syscall(), "SCMP_ARCH_X86_64"))
          << rule.id() << ": " << event.ShortDebugString();
    }
    for (const Event& event : rule.still_allows()) {
      if (!event.has_syscall()) continue;
      EXPECT_FALSE(Denies(rule, event.syscall(), "SCMP_ARCH_X86_64"))
          << rule.id() << ": " << event.ShortDebugString();
    }
  }
}

TEST(BuiltinExamplesTest, RulesWithSyscallsHaveExamplesOfThem) {
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (rule.seccomp().syscalls().empty()) continue;
    int denied = 0;
    int allowed = 0;
    for (const Event& event : rule.denies()) denied += event.has_syscall();
    for (const Event& event : rule.still_allows()) allowed += event.has_syscall();
    EXPECT_GT(denied, 0) << rule.id();
    EXPECT_GT(allowed, 0) << rule.id();
  }
}

// On s390 clone takes the stack first (man:clone(2)).
TEST(BuiltinExamplesTest, CloneFlagsAreTheSecondArgumentOnS390Only) {
  const BuiltinRule& rule = *BuiltinCatalogue().Find("disallow-create-user-ns");
  SyscallEvent event;
  event.set_name("clone");
  event.add_args(0x10000011);
  event.add_args(0);
  EXPECT_TRUE(Denies(rule, event, "SCMP_ARCH_AARCH64"));
  EXPECT_FALSE(Denies(rule, event, "SCMP_ARCH_S390X"));
  event.set_args(0, 0);
  event.set_args(1, 0x10000011);
  EXPECT_FALSE(Denies(rule, event, "SCMP_ARCH_AARCH64"));
  EXPECT_TRUE(Denies(rule, event, "SCMP_ARCH_S390X"));
}

// mode & 07777 in every way a file can come into being with a mode.
TEST(BuiltinExamplesTest, ChmodRulesLookAtTheirBitsAndNoOthers) {
  const struct {
    const char* rule;
    uint64_t bits;
  } rules[] = {{"disable-chmod-x-bit", 0111}, {"disable-chmod-s-bit", 06000}};
  const struct {
    const char* name;
    std::vector<uint64_t> args;  // before the mode
  } calls[] = {{"chmod", {0}},           {"fchmod", {3}},     {"fchmodat", {3, 0}},
               {"fchmodat2", {3, 0}},    {"open", {0, 0101}}, {"open", {0, 020000000}},
               {"openat", {3, 0, 0101}}, {"creat", {0}},      {"mknod", {0}},
               {"mknodat", {3, 0}}};
  for (const auto& r : rules) {
    const BuiltinRule& rule = *BuiltinCatalogue().Find(r.rule);
    for (const auto& call : calls) {
      for (uint64_t mode = 0; mode < 010000; ++mode) {
        SyscallEvent event;
        event.set_name(call.name);
        for (const uint64_t arg : call.args) event.add_args(arg);
        event.add_args(mode);
        ASSERT_EQ(Denies(rule, event, "SCMP_ARCH_X86_64"), (mode & r.bits) != 0)
            << r.rule << " " << call.name << " " << std::oct << mode;
      }
    }
  }
}

TEST(RuntimeDefaultTest, ForbidsEveryMountOperationButUmount) {
  const BpfRawRules& rules = BuiltinCatalogue().runtime_default().bpf().rules();
  ASSERT_EQ(rules.mounts_size(), 1);
  EXPECT_EQ(rules.mounts(0).source_pattern(), "**");
  EXPECT_EQ(rules.mounts(0).fstype(), "*");
  EXPECT_THAT(rules.mounts(0).flags(),
              ::testing::UnorderedElementsAre("new", "remount", "bind", "move", "unbindable",
                                              "private", "slave", "shared", "pivot-root"));
}

TEST(RuntimeDefaultTest, ForbidsTheFilesOfVarmorsDefault) {
  std::vector<std::string> files;
  for (const BpfFileRule& rule : BuiltinCatalogue().runtime_default().bpf().rules().files()) {
    files.push_back(rule.pattern());
    EXPECT_THAT(rule.permissions(), ::testing::ElementsAre("read", "write", "append"));
  }
  EXPECT_THAT(
      files, ::testing::ElementsAre("/proc/sysrq-trigger", "/proc/**/mem", "/proc/kmem",
                                    "/proc/kcore", "/sys/firmware/**",
                                    "/sys/devices/virtual/powercap/**", "/sys/kernel/security/**"));
}

}  // namespace
}  // namespace varmor
