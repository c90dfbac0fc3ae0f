// Three ways to the same answer for random profiles and calls at the boundaries of their
// conditions: what the library decides, the filter that libseccomp builds from the JSON, and a live
// process under each runtime. VARMOR_SECCOMP_LIVE_CASES sets how many live calls there are.
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/seccomp/errno_name.h"
#include "lib/compiler/seccomp/testing/random_profile.h"
#include "lib/compiler/seccomp/testing/seccomp_filter.h"
#include "lib/compiler/simulate/decide.h"
#include "tools/oci/run_confined.h"

namespace varmor {
namespace {

constexpr int kCallsPerContainer = 60;

// Calls that change nothing whatever their arguments are, and that neither a runtime nor the
// program in the container makes. x32's numbers have bit 30 set.
struct Call {
  const char* name;
  const char* architecture;
  // The prefix and name, or number, for the program in the container.
  const char* live;
};
constexpr Call kCalls[] = {
    {"getpgrp", "SCMP_ARCH_X86_64", "getpgrp"},
    {"getpgid", "SCMP_ARCH_X86_64", "getpgid"},
    {"getpriority", "SCMP_ARCH_X86_64", "getpriority"},
    {"sched_getscheduler", "SCMP_ARCH_X86_64", "sched_getscheduler"},
    {"getpgrp", "SCMP_ARCH_X86", "i386:getpgrp"},
    {"getpgid", "SCMP_ARCH_X86", "i386:getpgid"},
    {"getpriority", "SCMP_ARCH_X86", "i386:getpriority"},
    {"getpgrp", "SCMP_ARCH_X32", "1073741935"},
    {"getpriority", "SCMP_ARCH_X32", "1073741964"},
};

int WantedCases() {
  int cases = 500;
  const char* text = std::getenv("VARMOR_SECCOMP_LIVE_CASES");
  if (text != nullptr && !absl::SimpleAtoi(text, &cases)) ADD_FAILURE() << "not a number: " << text;
  return cases;
}

std::string HelperPath() {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
                      "/tools/oci/make_syscalls");
}

struct Question {
  const Call* call;
  std::vector<uint64_t> args;
};

std::vector<std::string> LiveTexts(const std::vector<Question>& questions) {
  std::vector<std::string> texts;
  for (const Question& question : questions) {
    texts.push_back(
        absl::StrCat(question.call->live, "(", absl::StrJoin(question.args, ", "), ")"));
  }
  return texts;
}

absl::StatusOr<std::vector<std::string>> RunLive(const std::string& runtime,
                                                 const std::string& json,
                                                 const std::vector<Question>& questions) {
  ConfinedRun run;
  run.runtime = runtime;
  run.seccomp_json = json;
  run.calls = LiveTexts(questions);
  run.make_syscalls = HelperPath();
  run.scratch = testing::TempDir();
  return RunConfined(run);
}

// What the live process has to see, given the filter's word and the kernel's own answer.
std::string LiveText(const std::string& decision, const std::string& unconfined) {
  if (decision == "ALLOW" || decision == "LOG") return unconfined;
  if (decision.substr(0, 6) == "ERRNO(") {
    return absl::StrCat("errno ", decision.substr(6, decision.size() - 7));
  }
  return "signal 31";
}

// The filter's word in the terms of a verdict.
std::string EffectText(const std::string& decision) {
  if (decision == "ALLOW") return "allow ";
  if (decision == "LOG") return "audit logged";
  if (decision == "TRAP") return "deny SIGSYS";
  uint32_t number = 0;
  if (decision.substr(0, 6) == "ERRNO(" &&
      absl::SimpleAtoi(decision.substr(6, decision.size() - 7), &number)) {
    return absl::StrCat("deny ", ErrnoName(number));
  }
  return "audit deny killed";
}

class DecisionOracleTest : public testing::TestWithParam<const char*> {};

TEST_P(DecisionOracleTest, LibraryFilterAndLiveProcessAgree) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the numbers and architectures of this test are those of x86_64";
#endif
  const std::string runtime = GetParam();
  const absl::Status probe = ProbeOciRuntime(runtime, HelperPath(), testing::TempDir());
  if (!probe.ok()) GTEST_SKIP() << runtime << " runs no containers here: " << probe.message();

  RandomProfileOptions options;
  options.names = {"getpgrp", "getpgid", "getpriority", "sched_getscheduler"};
  options.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  RandomProfiles random(runtime == "runc" ? 1 : 2, options);
  const int wanted = WantedCases();
  int cases = 0;
  int denied = 0;
  int containers = 0;
  int left_out = 0;
  while (cases < wanted && !HasFailure()) {
    const SeccompProfile profile = random.Next();
    const SeccompArtifact artifact = EmitSeccomp("random", profile);
    ArtifactSet set;
    set.seccomp = &artifact;
    const Simulator simulator = Simulator::Load(set, {}).value();
    std::vector<Question> questions;
    std::vector<Verdict> verdicts;
    for (int i = 0; i < kCallsPerContainer; ++i) {
      Question question = {&kCalls[random.Below(std::size(kCalls))], random.Call(profile)};
      Event event;
      event.mutable_syscall()->set_name(question.call->name);
      event.mutable_syscall()->set_architecture(question.call->architecture);
      for (const uint64_t arg : question.args) event.mutable_syscall()->add_args(arg);
      const Verdict verdict = simulator.Decide(event)->combined;
      // libseccomp may not come back from a profile that we cannot judge.
      if (verdict.outcome == Verdict::Outcome::kUnknown) break;
      questions.push_back(std::move(question));
      verdicts.push_back(verdict);
    }
    if (questions.size() < kCallsPerContainer) {
      ++left_out;
      continue;
    }
    const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(artifact.json());
    ASSERT_TRUE(filter.ok()) << filter.status() << artifact.json();
    const auto unconfined = RunLive(runtime, "", questions);
    ASSERT_TRUE(unconfined.ok()) << unconfined.status();
    const auto confined = RunLive(runtime, artifact.json(), questions);
    ASSERT_TRUE(confined.ok()) << confined.status() << artifact.json();
    ++containers;
    for (size_t i = 0; i < questions.size(); ++i) {
      const Call& call = *questions[i].call;
      const std::string decision = filter->Decide(call.architecture, call.name, questions[i].args);
      const std::string what = absl::StrCat(LiveTexts({questions[i]})[0], "\n", artifact.json());
      EXPECT_EQ((*confined)[i], LiveText(decision, (*unconfined)[i])) << what;
      EXPECT_EQ(absl::StrCat(VerdictWord(verdicts[i]), " ", verdicts[i].effect),
                EffectText(decision))
          << what;
      denied += verdicts[i].outcome == Verdict::Outcome::kDeny ? 1 : 0;
      ++cases;
    }
  }
  std::cout << "seccomp, three ways under " << runtime << ": " << cases << " calls in "
            << containers << " containers agree, " << denied << " of them denied; " << left_out
            << " profiles left out as unknown\n";
  EXPECT_GE(cases, wanted);
  EXPECT_GT(denied, cases / 50);
}

INSTANTIATE_TEST_SUITE_P(Runtimes, DecisionOracleTest, testing::ValuesIn(kOciRuntimes),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace varmor
