#include "lib/compiler/diff/diff_seccomp.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/seccomp/testing/random_profile.h"
#include "lib/compiler/simulate/decide_seccomp.h"

namespace varmor {
namespace {

constexpr char kAllArchitectures[] =
    R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"])";

SeccompArtifact Profile(const std::string& syscalls, const std::string& action = "SCMP_ACT_ALLOW",
                        const std::string& members = kAllArchitectures) {
  SeccompArtifact artifact;
  artifact.set_json(absl::StrCat(R"({"defaultAction":")", action, R"(",)", members,
                                 R"(,"syscalls":[)", syscalls, "]}"));
  return artifact;
}

std::string Entry(const std::string& name, const std::string& action, const std::string& args) {
  return absl::StrCat(R"({"names":[")", name, R"("],"action":"SCMP_ACT_)", action, R"(","args":[)",
                      args, "]}");
}

std::string Arg(const std::string& op, uint64_t value, uint64_t value_two = 0) {
  return absl::StrCat(R"({"index":0,"value":)", value, R"(,"valueTwo":)", value_two,
                      R"(,"op":"SCMP_CMP_)", op, "\"}");
}

const char* KindText(Change::Kind kind) {
  return kind == Change::Kind::kNewlyDenied    ? "denied"
         : kind == Change::Kind::kNewlyAllowed ? "allowed"
                                               : "audit";
}

// "denied syscall chmod: chmod(1): allow, deny EPERM"
std::string ChangeText(const Change& change) {
  const SyscallEvent& call = change.example.syscall();
  return absl::StrCat(KindText(change.kind), " ", change.what, ": ", call.architecture(),
                      call.architecture().empty() ? "" : " ", call.name(), "(",
                      absl::StrJoin(call.args(), ","), "): ", VerdictWord(change.before), " ",
                      change.before.effect, ", ", VerdictWord(change.after), " ",
                      change.after.effect);
}

std::vector<std::string> Compare(const SeccompArtifact* before, const SeccompArtifact* after) {
  DiffResult result;
  const absl::Status status = DiffSeccomp(before, after, result);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> texts;
  for (const Change& change : result.changes) texts.push_back(ChangeText(change));
  texts.insert(texts.end(), result.undecided.begin(), result.undecided.end());
  return texts;
}

using Texts = std::vector<std::string>;

TEST(DiffSeccompTest, AnExampleIsTheSmallestCallThatDiffers) {
  const SeccompArtifact nothing = Profile("");
  const SeccompArtifact masked =
      Profile(Entry("unshare", "ERRNO", Arg("MASKED_EQ", 0x10000000, 0x10000000)));
  EXPECT_EQ(Compare(&nothing, &masked),
            Texts{"denied syscall unshare: unshare(268435456): allow , deny EPERM"});
  EXPECT_EQ(Compare(&masked, &nothing),
            Texts{"allowed syscall unshare: unshare(268435456): deny EPERM, allow "});
  const SeccompArtifact above = Profile(Entry("unshare", "ERRNO", Arg("GT", 5)));
  const SeccompArtifact far_above = Profile(Entry("unshare", "ERRNO", Arg("GT", 7)));
  EXPECT_EQ(Compare(&above, &far_above),
            Texts{"allowed syscall unshare: unshare(6): deny EPERM, allow "});
}

TEST(DiffSeccompTest, AnotherErrnoIsNoOtherOutcome) {
  const SeccompArtifact before = Profile(Entry("chmod", "ERRNO", ""));
  const SeccompArtifact after = Profile(Entry("chmod", "KILL_PROCESS", ""));
  EXPECT_EQ(Compare(&before, &after),
            Texts{"audit syscall chmod: chmod(): deny EPERM, audit deny killed"});
}

TEST(DiffSeccompTest, OtherDefaultsShowOnce) {
  const SeccompArtifact before = Profile("");
  const SeccompArtifact after = Profile("", "SCMP_ACT_ERRNO");
  EXPECT_EQ(Compare(&before, &after),
            Texts{"denied syscalls that no entry names: accept(): allow , deny EPERM"});
}

TEST(DiffSeccompTest, ProgramsOfArchitecturesThatAreNotListedAreKilled) {
  const SeccompArtifact before = Profile("");
  const SeccompArtifact after =
      Profile("", "SCMP_ACT_ALLOW", R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X32"])");
  DiffResult result;
  ASSERT_TRUE(DiffSeccomp(&before, &after, result).ok());
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].what, "all syscalls of x86 programs");
  EXPECT_EQ(result.changes[0].kind, Change::Kind::kNewlyDenied);
  EXPECT_EQ(result.changes[0].example.syscall().architecture(), "SCMP_ARCH_X86");
}

TEST(DiffSeccompTest, WithoutAProfileEverythingIsAllowed) {
  const SeccompArtifact open = Profile("");
  EXPECT_EQ(Compare(nullptr, &open), Texts{});
  const SeccompArtifact after = Profile(Entry("chmod", "ERRNO", ""));
  EXPECT_EQ(Compare(nullptr, &after), Texts{"denied syscall chmod: chmod(): allow , deny EPERM"});
}

TEST(DiffSeccompTest, EquivalentProfilesAreTheSame) {
  const struct {
    std::string before;
    std::string after;
  } kSame[] = {
      {Entry("chmod", "ERRNO", Arg("NE", 5)),
       Entry("chmod", "ERRNO", Arg("LT", 5)) + "," + Entry("chmod", "ERRNO", Arg("GT", 5))},
      {Entry("chmod", "ERRNO", Arg("LE", 5)), Entry("chmod", "ERRNO", Arg("LT", 6))},
      {Entry("chmod", "ERRNO", Arg("GE", 0)), Entry("chmod", "ERRNO", "")},
      {Entry("chmod", "ERRNO", Arg("LT", 0)), ""},
      {Entry("chmod", "ERRNO", Arg("EQ", 5)), Entry("chmod", "ERRNO", Arg("MASKED_EQ", ~0ull, 5))},
      {Entry("chmod", "ERRNO", "") + "," + Entry("umask", "LOG", ""),
       Entry("umask", "LOG", "") + "," + Entry("chmod", "ERRNO", "")},
      {R"({"names":["chmod","umask"],"action":"SCMP_ACT_ERRNO","errnoRet":1})",
       Entry("umask", "ERRNO", "") + "," + Entry("chmod", "ERRNO", "")},
  };
  for (const auto& same : kSame) {
    const SeccompArtifact before = Profile(same.before);
    const SeccompArtifact after = Profile(same.after);
    EXPECT_EQ(Compare(&before, &after), Texts{}) << same.before << same.after;
  }
}

TEST(DiffSeccompTest, WhatNoVerdictShowsIsUndecided) {
  const SeccompArtifact before = Profile("");
  const SeccompArtifact flag =
      Profile("", "SCMP_ACT_ALLOW",
              absl::StrCat(kAllArchitectures, R"(,"flags":["SECCOMP_FILTER_FLAG_TSYNC"])"));
  EXPECT_EQ(Compare(&before, &flag),
            Texts{"Seccomp: one profile has SECCOMP_FILTER_FLAG_TSYNC, which shows in no verdict"});
}

TEST(DiffSeccompTest, EveryGoldenIsTheSameAsItself) {
  int goldens = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator("testdata/compile")) {
    if (!absl::EndsWith(file.path().string(), ".seccomp.json")) continue;
    std::ifstream in(file.path(), std::ios::binary);
    SeccompArtifact artifact;
    artifact.set_json(std::string{std::istreambuf_iterator<char>(in), {}});
    // Other bytes, so that the functions are compared.
    SeccompArtifact other = artifact;
    other.mutable_json()->append(" ");
    EXPECT_EQ(Compare(&artifact, &other), Texts{}) << file.path();
    ++goldens;
  }
  EXPECT_GT(goldens, 10);
}

// Calls that the two profiles judge otherwise are there exactly when the comparison says so.
TEST(DiffSeccompTest, RandomPairsDifferWhereCallsDo) {
  RandomProfileOptions options;
  options.names = {"chmod"};
  options.architectures = {"SCMP_ARCH_X86_64"};
  options.actions = {"SCMP_ACT_ERRNO"};
  RandomProfiles random(7, options);
  int different = 0;
  int same = 0;
  for (int round = 0; round < 150; ++round) {
    const SeccompProfile first = random.Next();
    SeccompProfile second = first;
    // Reordered entries mean the same; one entry less usually does not.
    std::reverse(second.entries.begin(), second.entries.end());
    if (round % 2 == 1) second.entries.pop_back();
    for (SeccompEntry& entry : second.entries) entry.errno_ret = 1;
    SeccompProfile one = first;
    for (SeccompEntry& entry : one.entries) entry.errno_ret = 1;
    const SeccompArtifact before = EmitSeccomp("a", one);
    const SeccompArtifact after = EmitSeccomp("a", second);
    DiffResult result;
    ASSERT_TRUE(DiffSeccomp(&before, &after, result).ok());
    if (!result.undecided.empty()) continue;
    const SeccompSimulator a = SeccompSimulator::Load(before).value();
    const SeccompSimulator b = SeccompSimulator::Load(after).value();
    for (const Change& change : result.changes) {
      EXPECT_NE(a.Decide(change.example)->outcome, b.Decide(change.example)->outcome)
          << ChangeText(change);
    }
    for (int i = 0; i < 50; ++i) {
      Event event;
      event.mutable_syscall()->set_name("chmod");
      for (const uint64_t arg : random.Call(first)) event.mutable_syscall()->add_args(arg);
      const bool differs = a.Decide(event)->outcome != b.Decide(event)->outcome;
      if (differs) {
        EXPECT_FALSE(result.changes.empty()) << before.json() << after.json();
      }
    }
    if (round % 2 == 0) {
      EXPECT_TRUE(result.changes.empty()) << before.json() << after.json();
    }
    (result.changes.empty() ? same : different) += 1;
  }
  EXPECT_GT(different, 15);
  EXPECT_GT(same, 15);
}

}  // namespace
}  // namespace varmor
