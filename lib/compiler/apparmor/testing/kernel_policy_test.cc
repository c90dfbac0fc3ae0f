// The walker over the binary policy, on profiles whose meaning apparmor.d(5) leaves no doubt about.

#include "lib/compiler/apparmor/testing/kernel_policy.h"

#include <sys/mount.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/apparmor/testing/policy_binary.h"

namespace varmor {
namespace {

std::vector<BinaryProfile> CompileText(const std::string& text) {
  const ParserVerdict verdict = CompileWithAppArmorParser(text);
  EXPECT_TRUE(verdict.ok) << verdict.messages;
  absl::StatusOr<std::vector<BinaryProfile>> profiles = ParseBinaryPolicy(verdict.binary);
  EXPECT_TRUE(profiles.ok()) << profiles.status();
  if (!profiles.ok() || profiles->empty()) return std::vector<BinaryProfile>(1);
  return *std::move(profiles);
}

std::vector<BinaryProfile> CompileRules(const std::string& rules) {
  return CompileText(absl::StrCat("profile oracle {\n", rules, "\n}\n"));
}

std::string Word(const KernelAnswer& answer) {
  return absl::StrCat(answer.allowed ? "allow" : "deny", answer.reported ? ", reported" : "");
}

TEST(ParseBinaryPolicyTest, ReadsEveryProfileOfAFile) {
  const std::vector<BinaryProfile> profiles = CompileText(
      "profile oracle /usr/bin/* flags=(complain, attach_disconnected) {\n"
      "  set rlimit nofile <= 5,\n"
      "  /bin/x px -> other,\n"
      "  profile child { /z r, }\n"
      "  ^hat { /h r, }\n"
      "}\n");
  ASSERT_EQ(profiles.size(), 3u);
  EXPECT_EQ(profiles[0].name, "oracle");
  EXPECT_EQ(profiles[0].mode, 1u);
  EXPECT_EQ(profiles[0].xmatch.size(), 1u);
  EXPECT_EQ(profiles[0].transitions, std::vector<std::string>{"other"});
  EXPECT_EQ(profiles[0].rlimits.mask, 1u << 7);  // RLIMIT_NOFILE
  EXPECT_EQ(profiles[0].rlimits.values.at(7), 5u);
  EXPECT_EQ(profiles[1].name, "oracle//child");
  EXPECT_FALSE(profiles[1].is_hat);
  EXPECT_EQ(profiles[2].name, "oracle//hat");
  EXPECT_TRUE(profiles[2].is_hat);
}

TEST(ParseBinaryPolicyTest, RefusesWhatIsCutOff) {
  const ParserVerdict verdict = CompileWithAppArmorParser("profile oracle { /a r, mount, }\n");
  ASSERT_TRUE(verdict.ok) << verdict.messages;
  for (size_t size = 1; size < verdict.binary.size(); ++size) {
    ASSERT_FALSE(ParseBinaryPolicy(verdict.binary.substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(ParseBinaryPolicy(verdict.binary).ok());
}

TEST(KernelPolicyTest, TellsOwnersFromOthersAndQuietFromLoudDenials) {
  const auto profiles = CompileRules(
      "owner /own/* rw,\n/both r,\naudit /loud w,\n/d* rw,\ndeny /d1 w,\naudit deny /d2 w,");
  const KernelPolicy policy(profiles[0]);
  const auto check = [&](absl::string_view path, bool owner, uint32_t request) {
    return Word(policy.CheckFile(path, owner, request));
  };
  EXPECT_EQ(check("/own/a", true, kFileRead | kFileWrite), "allow");
  EXPECT_EQ(check("/own/a", false, kFileRead), "deny, reported");
  EXPECT_EQ(check("/own/", true, kFileRead), "deny, reported");
  EXPECT_EQ(check("/both", false, kFileRead), "allow");
  EXPECT_EQ(check("/loud", false, kFileWrite), "allow, reported");
  EXPECT_EQ(check("/d0", false, kFileWrite), "allow");
  EXPECT_EQ(check("/d1", false, kFileWrite), "deny");
  EXPECT_EQ(check("/d1", false, kFileRead), "allow");
  EXPECT_EQ(check("/d2", false, kFileWrite), "deny, reported");
  EXPECT_EQ(check("/d0", false, kFileAppend), "allow") << "w includes a";
}

TEST(KernelPolicyTest, NamesEveryExecMode) {
  const std::vector<std::string> modes = {"ix",  "ux",  "Ux",  "px",       "Px",      "pix",
                                          "Pix", "pux", "PUx", "cx",       "Cx",      "cix",
                                          "Cix", "cux", "CUx", "px -> to", "Cx -> to"};
  std::string rules;
  for (size_t i = 0; i < modes.size(); ++i)
    absl::StrAppend(&rules, "/bin/x", i, " ", modes[i], ",\n");
  const auto profiles = CompileRules(absl::StrCat(rules, "profile to { }\n"));
  const KernelPolicy policy(profiles[0]);
  for (size_t i = 0; i < modes.size(); ++i) {
    // A child is a profile like any other once the parser has found its name.
    std::string want = modes[i] == "Cx -> to" ? "Px -> oracle//to" : modes[i];
    EXPECT_EQ(policy.CheckExec(absl::StrCat("/bin/x", i), false).mode, want);
  }
  EXPECT_EQ(policy.CheckExec("/bin/y", false).mode, "");
}

TEST(KernelPolicyTest, JudgesBothNamesOfALink) {
  const auto profiles = CompileRules(
      "/free l,\nlink /to -> /from,\nlink subset /sub -> /big,\nlink subset /sub -> /small,\n"
      "/sub rw,\n/big rwk,\n/small r,");
  const KernelPolicy policy(profiles[0]);
  const auto check = [&](absl::string_view to, absl::string_view from) {
    return policy.CheckLink(to, from, true).allowed;
  };
  EXPECT_TRUE(check("/to", "/from"));
  EXPECT_FALSE(check("/to", "/other"));
  EXPECT_FALSE(check("/from", "/to"));
  EXPECT_TRUE(check("/free", "/big"));
  EXPECT_TRUE(check("/sub", "/big"));
  EXPECT_FALSE(check("/sub", "/small")) << "the link could be written, the file cannot";
  EXPECT_FALSE(check("/free", "/")) << "without a name, a link is to anything below the root";
  // The parser writes the bit of "subset" into the owner's half only, also that of "/free l".
  EXPECT_TRUE(policy.CheckLink("/sub", "/small", false).allowed);
}

TEST(KernelPolicyTest, JudgesCapabilities) {
  const auto profiles = CompileRules(
      "capability chown,\naudit capability kill,\ndeny capability setuid,\n"
      "audit deny capability setgid,\ncapability bpf,");
  const KernelPolicy policy(profiles[0]);
  EXPECT_EQ(Word(policy.CheckCapability(0)), "allow");
  EXPECT_EQ(Word(policy.CheckCapability(5)), "allow, reported");
  EXPECT_EQ(Word(policy.CheckCapability(7)), "deny");
  EXPECT_EQ(Word(policy.CheckCapability(6)), "deny, reported");
  EXPECT_EQ(Word(policy.CheckCapability(21)), "deny, reported");
  EXPECT_EQ(Word(policy.CheckCapability(39)), "allow");
}

TEST(KernelPolicyTest, JudgesSockets) {
  const auto profiles = CompileRules("network inet tcp,\nnetwork inet6,\ndeny network inet6 raw,");
  const KernelPolicy policy(profiles[0]);
  EXPECT_EQ(Word(policy.CheckSocket(AF_INET, SOCK_STREAM)), "allow");
  EXPECT_EQ(Word(policy.CheckSocket(AF_INET, SOCK_DGRAM)), "deny, reported");
  EXPECT_EQ(Word(policy.CheckSocket(AF_INET6, SOCK_DGRAM)), "allow");
  EXPECT_EQ(Word(policy.CheckSocket(AF_INET6, SOCK_RAW)), "deny");
  EXPECT_EQ(Word(policy.CheckSocket(AF_NETLINK, SOCK_RAW)), "deny, reported");
}

TEST(KernelPolicyTest, JudgesEveryKindOfMount) {
  const auto profiles = CompileRules(
      "mount fstype=proc proc -> /proc/,\n"
      "mount options=(rw, bind) /src/* -> /dst/,\n"
      "mount options=(rw, move) /old/ -> /new/,\n"
      "mount options in (ro, nosuid) fstype=tmpfs -> /tmp/**,\n"
      "mount options=(rw, make-slave) -> /,\n"
      "remount options=(ro, remount) /r/,\n"
      "umount /u/,\n"
      "pivot_root oldroot=/n/old/ /n/,");
  const KernelPolicy policy(profiles[0]);
  const auto mount = [&](absl::string_view source, absl::string_view target,
                         absl::string_view fstype, uint32_t flags) {
    return policy.CheckMount(source, target, fstype, flags).allowed;
  };
  EXPECT_TRUE(mount("proc", "/proc/", "proc", 0));
  EXPECT_FALSE(mount("proc", "/proc/", "sysfs", 0));
  EXPECT_FALSE(mount("proc", "/sys/", "proc", 0));
  EXPECT_TRUE(mount("/src/a", "/dst/", "", MS_BIND));
  EXPECT_FALSE(mount("/src/a", "/dst/", "", MS_BIND | MS_REC));
  EXPECT_TRUE(mount("/old/", "/new/", "", MS_MOVE));
  EXPECT_TRUE(mount("x", "/tmp/a/", "tmpfs", MS_RDONLY | MS_NOSUID));
  EXPECT_TRUE(mount("x", "/tmp/a/", "tmpfs", MS_NOSUID));
  EXPECT_FALSE(mount("x", "/tmp/a/", "tmpfs", MS_NODEV));
  EXPECT_TRUE(mount("none", "/", "", MS_SLAVE));
  EXPECT_FALSE(mount("none", "/", "", MS_SHARED));
  EXPECT_TRUE(mount("none", "/r/", "", MS_REMOUNT | MS_RDONLY));
  EXPECT_FALSE(mount("none", "/r/", "", MS_REMOUNT));
  EXPECT_TRUE(policy.CheckUmount("/u/").allowed);
  EXPECT_FALSE(policy.CheckUmount("/v/").allowed);
  EXPECT_TRUE(policy.CheckPivotRoot("/n/", "/n/old/").allowed);
  EXPECT_FALSE(policy.CheckPivotRoot("/n/", "/n/other/").allowed);
}

TEST(KernelPolicyTest, JudgesPtraceAndSignals) {
  const auto profiles = CompileRules(
      "ptrace read peer=a*,\nptrace (tracedby) peer=b,\n"
      "signal send set=(kill, rtmin+3) peer=unconfined,\nsignal receive,\n"
      "signal send set=exists,");
  const KernelPolicy policy(profiles[0]);
  EXPECT_TRUE(policy.CheckPtrace(KernelPolicy::kRead, "abc").allowed);
  EXPECT_FALSE(policy.CheckPtrace(KernelPolicy::kTrace, "abc").allowed);
  EXPECT_FALSE(policy.CheckPtrace(KernelPolicy::kRead, "b").allowed);
  EXPECT_TRUE(policy.CheckPtrace(KernelPolicy::kTracedBy, "b").allowed);
  EXPECT_FALSE(policy.CheckPtrace(KernelPolicy::kReadBy, "b").allowed);
  const auto send = [&](absl::string_view word, absl::string_view peer) {
    return policy.CheckSignal(KernelPolicy::kSend, *KernelPolicy::SignalNumber(word), peer).allowed;
  };
  EXPECT_TRUE(send("kill", "unconfined"));
  EXPECT_FALSE(send("kill", "other"));
  EXPECT_FALSE(send("term", "unconfined"));
  EXPECT_TRUE(send("rtmin+3", "unconfined"));
  EXPECT_FALSE(send("rtmin+4", "unconfined"));
  EXPECT_TRUE(send("exists", "other"));
  EXPECT_TRUE(policy.CheckSignal(KernelPolicy::kReceive, *KernelPolicy::SignalNumber("term"), "any")
                  .allowed);
  EXPECT_EQ(KernelPolicy::SignalNumber("KILL"), std::nullopt);
}

}  // namespace
}  // namespace varmor
