#include "lib/enforcers/bpf/kernel_features.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

using testing::Contains;
using testing::HasSubstr;

KernelFeatures Good() {
  KernelFeatures features;
  features.release = "6.1.0-18-amd64";
  features.major = 6;
  features.minor = 1;
  features.root = features.may_load = features.btf = features.lsm_active = features.bpffs = true;
  features.lsms = "lockdown,yama,bpf";
  features.cgroup_mount = "/sys/fs/cgroup";
  for (const std::string& hook : EssentialHooks()) features.hooks.insert(hook);
  features.helpers = {"loop", "task_storage_get"};
  return features;
}

struct Missing {
  const char* name;
  void (*take_away)(KernelFeatures&);
  const char* problem;
  const char* fix;
};

const Missing kMissing[] = {
    {"Privileges", [](KernelFeatures& f) { f.may_load = false; },
     "this process may not load BPF programs",
     "run it as root with CAP_SYS_ADMIN in the initial user namespace"},
    {"Version",
     [](KernelFeatures& f) {
       f.release = "5.4.0";
       f.major = 5;
       f.minor = 4;
     },
     "Linux 5.4.0 is too old", "use Linux 5.10 or later"},
    {"OpenFiles",
     [](KernelFeatures& f) {
       f.btf = false;
       f.lsms_unknown = true;
       f.unread = absl::ResourceExhaustedError(
           "cannot read \"/sys/kernel/btf/vmlinux\": Too many open files; raise the limit");
     },
     "cannot read \"/sys/kernel/btf/vmlinux\": Too many open files", "raise the limit"},
    {"Memory",
     [](KernelFeatures& f) { f.unread = absl::ResourceExhaustedError("Cannot allocate memory"); },
     "Cannot allocate memory", "free some memory"},
    {"Btf", [](KernelFeatures& f) { f.btf = false; },
     "the kernel has no BTF that this process can read",
     "use a kernel with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs at /sys"},
    {"Lsm",
     [](KernelFeatures& f) {
       f.lsm_active = false;
       f.lsms = "lockdown,yama";
     },
     "BPF is not an active LSM: lsm=lockdown,yama",
     "boot with lsm=lockdown,yama,bpf on the kernel's command line"},
    {"Bpffs", [](KernelFeatures& f) { f.bpffs = false; }, "\"/d\" is not in a BPF file system",
     "mount one: mount -t bpf bpf /sys/fs/bpf"},
    {"Cgroups",
     [](KernelFeatures& f) {
       f.cgroup_mount.clear();
       f.cgroup_problem = "there are none; make some";
     },
     "there are none", "make some"},
    {"CgroupsUnread",
     [](KernelFeatures& f) {
       f.cgroup_mount.clear();
       f.cgroup_problem = "cannot read \"/proc/self/mountinfo\": No such file or directory";
     },
     "cannot read \"/proc/self/mountinfo\": No such file or directory", "mount cgroup v2"},
};

TEST(KernelFeaturesTest, WhatIsMissingIsSaidWithItsFix) {
  EXPECT_TRUE(SupportOf(Good(), "/d").available);
  for (const Missing& missing : kMissing) {
    SCOPED_TRACE(missing.name);
    KernelFeatures features = Good();
    missing.take_away(features);
    const EnforcerSupport support = SupportOf(features, "/d");
    EXPECT_FALSE(support.available);
    EXPECT_EQ(support.problem, missing.problem);
    EXPECT_EQ(support.fix, missing.fix);
  }
}

TEST(KernelFeaturesTest, MissingHooksAreLimits) {
  KernelFeatures features = Good();
  EXPECT_THAT(SupportOf(features, "/d").limits, Contains(HasSubstr("userns_create")));
  features.hooks.insert("userns_create");
  EXPECT_THAT(SupportOf(features, "/d").limits, testing::Not(Contains(HasSubstr("userns_create"))));
  features.helpers.erase("task_storage_get");
  EXPECT_FALSE(features.HasTaskStorage());
  EXPECT_THAT(SupportOf(features, "/d").limits, Contains(HasSubstr("task storage needs Linux")));
}

TEST(KernelFeaturesTest, TaskStorageIsUsedWhereItAnswersAtAnyTime) {
  KernelFeatures features = Good();
  EXPECT_TRUE(features.HasTaskStorage());
  EXPECT_THAT(SupportOf(features, "/d").limits, testing::Not(Contains(HasSubstr("task storage"))));
  features.preemptible = true;
  EXPECT_FALSE(features.HasTaskStorage());
  EXPECT_THAT(SupportOf(features, "/d").limits, Contains(HasSubstr("boot with preempt=voluntary")));
  features.minor = 2;
  EXPECT_TRUE(features.HasTaskStorage());
}

TEST(KernelFeaturesTest, PreemptionIsToldByVersionAndCommandLine) {
  const struct {
    const char* version;
    const char* command_line;
    bool preemptible;
  } cases[] = {
      {"#1 SMP Debian 5.10.234-1", "quiet preempt=full\n", false},
      {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", "quiet\n", false},
      {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", "preempt=voluntary\n", false},
      {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", "quiet preempt=full\n", true},
      {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", "preempt=full preempt=none", false},
      {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.174-1", "x.preempt=full", false},
      {"#1 SMP PREEMPT Arm", "", true},
      {"#1 SMP PREEMPT_RT Debian 6.1.174-1", "", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(IsPreemptible(c.version, c.command_line), c.preemptible)
        << c.version << ", " << c.command_line;
  }
}

TEST(KernelFeaturesTest, ReleasesAreReadUpToTheMinorNumber) {
  int major = 0, minor = 0;
  ASSERT_TRUE(ParseRelease("6.1.0-18-amd64", major, minor));
  EXPECT_EQ(major * 100 + minor, 601);
  ASSERT_TRUE(ParseRelease("7.0-rc1", major, minor));
  EXPECT_EQ(major * 100 + minor, 700);
  EXPECT_FALSE(ParseRelease("linux", major, minor));
  EXPECT_FALSE(ParseRelease("", major, minor));
}

BpfArtifact CompileRules(const std::string& rules) {
  const LoadResult loaded =
      LoadPolicies({{"p.yaml",
                     "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\n"
                     "metadata: {name: p, namespace: ns}\nspec:\n"
                     "  target: {kind: Deployment, name: web}\n  policy:\n    enforcer: BPF\n"
                     "    mode: EnhanceProtect\n    enhanceProtect:\n" +
                         rules}},
                   {});
  EXPECT_EQ(loaded.policies.size(), 1u);
  if (loaded.policies.empty()) return {};
  const absl::StatusOr<CompileResult> result =
      Compile(loaded.policies.front(), {}, BuiltinCatalogue());
  EXPECT_TRUE(result.ok() && result->bpf.has_value()) << rules;
  return result.ok() && result->bpf.has_value() ? *result->bpf : BpfArtifact();
}

struct Needs {
  const char* hook;
  const char* rules;
};

// A rule for each hook that is all that enforces it.
const Needs kNeeds[] = {
    {"userns_create", "      hardeningRules: [disallow-create-user-ns]\n"},
    {"bpf", "      hardeningRules: [disallow-load-all-bpf-prog]\n"},
    {"socket_setsockopt", "      hardeningRules: [disallow-load-bpf-via-setsockopt]\n"},
    {"socket_create",
     "      bpfRawRules: {network: {sockets: [{qualifiers: [deny], domains: [packet]}]}}\n"},
    {"socket_connect",
     "      bpfRawRules: {network: {egress: {toDestinations: [{qualifiers: [deny], ip: "
     "10.0.0.1}]}}}\n"},
    {"ptrace_access_check",
     "      bpfRawRules: {ptrace: {qualifiers: [deny], permissions: [readby]}}\n"},
    {"sb_mount", "      hardeningRules: [disallow-umount]\n"},
};

KernelFeatures WithHooksOfRules() {
  KernelFeatures features = Good();
  for (const Needs& needs : kNeeds) features.hooks.insert(needs.hook);
  for (const char* hook : {"truncate", "unlink", "rmdir", "mkdir", "mknod", "symlink", "link",
                           "rename", "chmod", "chown"}) {
    features.hooks.insert(std::string("path_") + hook);
  }
  return features;
}

TEST(KernelFeaturesTest, ARuleThatTheKernelHasNoHookForIsNamed) {
  for (const Needs& needs : kNeeds) {
    SCOPED_TRACE(needs.hook);
    const BpfArtifact artifact = CompileRules(needs.rules);
    KernelFeatures features = WithHooksOfRules();
    EXPECT_TRUE(UnenforcedRules(artifact, features).empty());
    features.hooks.erase(needs.hook);
    const std::vector<UnenforcedRule> rules = UnenforcedRules(artifact, features);
    ASSERT_FALSE(rules.empty());
    EXPECT_THAT(rules[0].reason,
                testing::StartsWith("this kernel has no hook " + std::string(needs.hook)));
    EXPECT_TRUE(std::any_of(rules.begin(), rules.end(), [&](const UnenforcedRule& one) {
      const std::string name = one.rule.rule() == "raw" ? "RawRules" : one.rule.rule();
      return absl::StrContains(needs.rules, name);
    }));
  }
}

// Owners can be changed before 6.1, whatever a rule says about writing.
TEST(KernelFeaturesTest, ARuleThatIsEnforcedInPartIsNamedAsThat) {
  const BpfArtifact artifact = CompileRules(
      "      bpfRawRules: {files: [{pattern: /a/**, permissions: [read], qualifiers: [deny]},\n"
      "        {pattern: /b/**, permissions: [write], qualifiers: [deny]},\n"
      "        {pattern: /c/**, permissions: [write, exec], qualifiers: [audit]}]}\n");
  KernelFeatures features = WithHooksOfRules();
  EXPECT_TRUE(UnenforcedRules(artifact, features).empty());
  features.hooks.erase("path_chown");
  std::string texts;  // of the policy's own rules
  for (const UnenforcedRule& one : UnenforcedRules(artifact, features)) {
    EXPECT_TRUE(one.in_part);
    EXPECT_EQ(one.reason, "changing owners: this kernel has no hook path_chown; Linux 6.1 does");
    if (one.rule.rule() == "raw") texts += one.rule.text() + "\n";
  }
  EXPECT_THAT(texts, testing::Not(HasSubstr("/a/**")));
  EXPECT_THAT(texts, testing::AllOf(HasSubstr("/b/**"), HasSubstr("/c/**")));
}

TEST(KernelFeaturesTest, ARelativeDirectoryIsLookedForHere) {
  EXPECT_FALSE(ReadKernelFeatures("no-such-directory").bpffs);
  EXPECT_FALSE(ReadKernelFeatures("no-such/directory").bpffs);
}

TEST(KernelFeaturesTest, ThisKernelsBtfIsReadWhereItHasOne) {
  const KernelFeatures features = ReadKernelFeatures("/sys/fs/bpf/varmor");
  EXPECT_FALSE(features.release.empty());
  if (!features.btf) GTEST_SKIP() << "NO BTF ON THIS MACHINE";
  EXPECT_TRUE(features.HasHelper("map_lookup_elem"));
}

}  // namespace
}  // namespace varmor
