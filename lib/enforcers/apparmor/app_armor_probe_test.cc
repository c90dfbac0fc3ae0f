#include "lib/enforcers/apparmor/app_armor_probe.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/apparmor/testing/fake_app_armor_kernel.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using ::testing::StartsWith;

class AppArmorProbeTest : public ::testing::Test {
 protected:
  AppArmorParser Parser() {
    AppArmorParser parser;
    parser.program = program_;
    parser.include_directory = includes_;
    parser.kernel_features = kernel_.directory() + "/features";
    return parser;
  }

  EnforcerSupport Probe() {
    EnforcerSupport support = ProbeAppArmor(kernel_, Parser(), state_);
    for (std::string* text : {&support.problem, &support.fix}) {
      *text = absl::StrReplaceAll(*text, {{directory_.path(), "ROOT"}});
    }
    return support;
  }

  // Reads a profile from standard input and answers as a parser would.
  void UseParser(const std::string& script) {
    program_ = directory_ / "parser";
    PutFile(program_, "#!/bin/sh\n" + script);
    chmod(program_.c_str(), 0755);
  }

  void ExpectUnavailable(const std::string& problem, const std::string& fix) {
    const EnforcerSupport support = Probe();
    EXPECT_FALSE(support.available);
    EXPECT_EQ(support.problem, problem);
    EXPECT_EQ(support.fix, fix);
    EXPECT_EQ(support.limits, std::vector<std::string>());
  }

  const TemporaryDirectory directory_;
  FakeAppArmorKernel kernel_{directory_ / "kernel"};
  std::string program_ = FindAppArmorParser();
  std::string includes_ = "/etc/apparmor.d";
  std::string state_ = directory_ / "a/b/state";
};

TEST_F(AppArmorProbeTest, AFullMachineHasNoProblem) {
  const EnforcerSupport support = Probe();
  EXPECT_TRUE(support.available) << support.problem;
  EXPECT_EQ(support.problem, "");
  EXPECT_EQ(support.fix, "");
  // No parser so far compiles the other two for profiles of this ABI.
  ASSERT_EQ(support.limits.size(), 3u);
  EXPECT_EQ(support.limits[0], "names of Unix sockets: needs Linux 6.17");
  EXPECT_THAT(support.limits[1], StartsWith("user namespaces: this kernel can, but "));
  EXPECT_THAT(support.limits[2], StartsWith("io_uring: this kernel can, but "));
  EXPECT_EQ(FileContent(directory_ / "a"), "(no such file)");
}

TEST_F(AppArmorProbeTest, AKernelWithoutAppArmor) {
  std::filesystem::remove_all(directory_ / "kernel/module");
  ExpectUnavailable("this kernel has no AppArmor",
                    "run a kernel built with CONFIG_SECURITY_APPARMOR");
}

TEST_F(AppArmorProbeTest, AKernelBootedWithoutIt) {
  PutFile(directory_ / "kernel/module/parameters/enabled", "N\n");
  ExpectUnavailable("AppArmor is switched off", "boot with apparmor=1, and with apparmor in lsm=");
}

TEST_F(AppArmorProbeTest, SecurityfsIsNotMounted) {
  std::filesystem::remove_all(directory_ / "kernel/security/apparmor");
  ExpectUnavailable("securityfs is not mounted on ROOT/kernel/security",
                    "mount -t securityfs securityfs ROOT/kernel/security");
}

TEST_F(AppArmorProbeTest, ProfilesCannotBeListed) {
  std::filesystem::remove_all(directory_ / "kernel/security/apparmor/policy/profiles");
  ExpectUnavailable(
      "cannot read \"ROOT/kernel/security/apparmor/policy/profiles\": No such file "
      "or directory",
      "run as root in the machine's own user namespace, on Linux 4.13 or newer");
}

TEST_F(AppArmorProbeTest, NoPrivileges) {
  kernel_.may_administer = false;
  ExpectUnavailable("this process may not load profiles",
                    "run as root with CAP_MAC_ADMIN, unconfined");
}

TEST_F(AppArmorProbeTest, NoParser) {
  program_ = "";
  ExpectUnavailable("apparmor_parser is not installed", "install the package apparmor");
}

TEST_F(AppArmorProbeTest, AParserThatDoesNotWork) {
  UseParser("echo 'it is broken' >&2\nexit 1\n");
  ExpectUnavailable(
      "apparmor_parser cannot compile a small profile: apparmor_parser refuses the profile: it is "
      "broken",
      "install AppArmor 3.0 or newer with its abstractions in /etc/apparmor.d");
}

TEST_F(AppArmorProbeTest, NoAbstractions) {
  includes_ = directory_ / "nothing";
  ExpectUnavailable("there is no directory \"ROOT/nothing\"",
                    "install the package apparmor, or name the directory of its abstractions");
  std::filesystem::create_directory(includes_);
  EXPECT_EQ(Probe().fix, "install AppArmor 3.0 or newer with its abstractions in ROOT/nothing");
}

TEST_F(AppArmorProbeTest, WhatTheParserMakesNothingOfIsTold) {
  PutFile(kernel_.directory() + "/features/network_v9/af_unix", "yes\n");
  constexpr char kNone[] =
      ": this kernel can, but apparmor_parser compiles no such rules in profiles for abi/3.0, as "
      "ours are; needs a parser that does, or another enforcer";
  constexpr char kSockets[] = "names of Unix sockets, and connecting to a socket's file";

  UseParser("exec cat\n");  // every rule comes to something
  EXPECT_EQ(Probe().limits, std::vector<std::string>());
  UseParser("exec sed 's/deny.*//'\n");
  EXPECT_EQ(Probe().limits, (std::vector<std::string>{absl::StrCat("user namespaces", kNone),
                                                      absl::StrCat("io_uring", kNone),
                                                      absl::StrCat(kSockets, kNone)}));
  UseParser(
      "text=$(sed 's/deny unix.*//')\n"
      "case $text in *userns*) echo 'syntax error' >&2; exit 1;; esac\necho \"$text\"\n");
  EXPECT_EQ(Probe().limits, (std::vector<std::string>{absl::StrCat("user namespaces", kNone),
                                                      absl::StrCat(kSockets, kNone)}));
  // Nothing is asked about what the kernel has not.
  std::filesystem::remove_all(kernel_.directory() + "/features/namespaces/mask");
  EXPECT_EQ(Probe().limits, (std::vector<std::string>{"user namespaces: needs Linux 6.7",
                                                      absl::StrCat(kSockets, kNone)}));
}

TEST_F(AppArmorProbeTest, WhatTheKernelCannotDoIsTold) {
  UseParser("exec cat\n");
  for (const char* feature : {"mount/move_mount", "ptrace", "io_uring"}) {
    std::filesystem::remove_all(absl::StrCat(kernel_.directory(), "/features/", feature));
  }
  PutFile(directory_ / "kernel/module/parameters/mode", "complain\n");
  PutFile(directory_ / "kernel/module/parameters/hash_policy", "N\n");
  EXPECT_EQ(
      Probe().limits,
      (std::vector<std::string>{
          "mounts by fsmount(2) and move_mount(2): need Linux 6.7", "ptrace: needs Linux 4.14",
          "io_uring: needs Linux 6.7", "names of Unix sockets: needs Linux 6.17",
          absl::StrCat("everything: all profiles of this machine complain only; write "
                       "enforce to ",
                       directory_ / "kernel/module/parameters/mode"),
          "profiles that somebody else replaced: the kernel keeps no hashes; boot with "
          "apparmor.hash_policy=1"}));
}

AppArmorArtifact WithRules(const std::vector<std::string>& texts) {
  AppArmorArtifact artifact;
  for (const std::string& text : texts) {
    RuleOrigin& rule = *artifact.add_rules();
    rule.set_text(text);
    rule.set_action("deny");
  }
  return artifact;
}

// "mount fstype=proc: in part", or without the last words.
std::vector<std::string> TextsOf(const std::vector<UnenforcedRule>& rules) {
  std::vector<std::string> out;
  for (const UnenforcedRule& one : rules) {
    out.push_back(absl::StrCat(one.rule.text(), one.in_part ? ": in part" : ""));
  }
  return out;
}

TEST_F(AppArmorProbeTest, RulesThatTheKernelDoesNotMediateAreNamed) {
  AppArmorArtifact artifact =
      WithRules({"/etc/shadow r", "mount fstype=proc", "child_0: umount", "userns", "userns create",
                 "unix (connect)", "ptrace", "network unix", "capability sys_admin"});
  using Texts = std::vector<std::string>;
  UseParser("exec cat\n");
  EXPECT_EQ(TextsOf(UnenforcedRules(artifact, kernel_, Parser())), (Texts{"unix (connect)"}));
  for (const char* feature : {"mount/move_mount", "namespaces"}) {
    std::filesystem::remove_all(absl::StrCat(kernel_.directory(), "/features/", feature));
  }
  const std::vector<UnenforcedRule> rules = UnenforcedRules(artifact, kernel_, Parser());
  EXPECT_EQ(TextsOf(rules), (Texts{"mount fstype=proc: in part", "child_0: umount: in part",
                                   "userns", "userns create", "unix (connect)"}));
  EXPECT_EQ(rules[2].reason, "user namespaces: needs Linux 6.7");
  std::filesystem::remove_all(kernel_.directory() + "/features/mount");
  EXPECT_EQ(TextsOf(UnenforcedRules(artifact, kernel_, Parser()))[0], "mount fstype=proc");
  for (RuleOrigin& rule : *artifact.mutable_rules()) rule.set_action("allow");
  EXPECT_EQ(TextsOf(UnenforcedRules(artifact, kernel_, Parser())), Texts{});
}

TEST_F(AppArmorProbeTest, RulesThatTheParserMakesNothingOfAreNamed) {
  const AppArmorArtifact artifact =
      WithRules({"/etc/shadow r", "child_0: userns", "unix (connect)", "io_uring"});
  PutFile(kernel_.directory() + "/features/network_v9/af_unix", "yes\n");
  UseParser("exec sed 's/deny u.*//'\n");
  const std::vector<UnenforcedRule> rules = UnenforcedRules(artifact, kernel_, Parser());
  EXPECT_EQ(TextsOf(rules), (std::vector<std::string>{"child_0: userns", "unix (connect)"}));
  EXPECT_THAT(rules[0].reason, StartsWith("user namespaces: this kernel can, but "));
}

TEST_F(AppArmorProbeTest, OnAMachineThatOnlyComplainsNoRuleIsEnforced) {
  PutFile(directory_ / "kernel/module/parameters/mode", "complain\n");
  const std::vector<UnenforcedRule> rules =
      UnenforcedRules(WithRules({"/etc/shadow r"}), kernel_, Parser());
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].rule.text(), "");
  EXPECT_EQ(rules[0].reason.find("everything: all profiles of this machine complain only"), 0u);
}

}  // namespace
}  // namespace varmor
