// Random profiles and calls: what we say against the filter that libseccomp builds from the same
// JSON. VARMOR_SECCOMP_CASES sets how many calls are compared.
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
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
#include "lib/compiler/simulate/decide_seccomp.h"

namespace varmor {
namespace {

constexpr int kCallsPerProfile = 25;

int WantedCases() {
  int cases = 10000;
  const char* text = std::getenv("VARMOR_SECCOMP_CASES");
  if (text != nullptr && !absl::SimpleAtoi(text, &cases)) ADD_FAILURE() << "not a number: " << text;
  return cases;
}

// A verdict in the filter's words.
std::string VerdictText(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Verdict::Outcome::kUnknown:
      return "unknown";
    case Verdict::Outcome::kNotMediated:
      return "no such syscall";
    default:
      return absl::StrCat(VerdictWord(verdict), " ", verdict.effect);
  }
}

std::string FilterText(const std::string& decision) {
  if (decision == "ALLOW") return "allow ";
  if (decision == "LOG") return "audit logged";
  if (decision == "TRAP") return "deny SIGSYS";
  if (decision == "KILL_THREAD" || decision == "KILL_PROCESS") return "audit deny killed";
  uint32_t number = 0;
  if (decision.substr(0, 6) == "ERRNO(" &&
      absl::SimpleAtoi(decision.substr(6, decision.size() - 7), &number)) {
    return absl::StrCat("deny ", ErrnoName(number));
  }
  return decision;
}

// A call that filters see: a name, or a number where a name would stand for two calls.
struct Call {
  const char* architecture;
  const char* name;
  int number;  // 0: look it up
};

// Numbers: arch/x86/entry/syscalls/syscall_32.tbl.
constexpr Call kCalls[] = {
    {"SCMP_ARCH_X86_64", "chmod", 0},    {"SCMP_ARCH_X86_64", "unshare", 0},
    {"SCMP_ARCH_X86_64", "socket", 0},   {"SCMP_ARCH_X86_64", "semget", 0},
    {"SCMP_ARCH_X86_64", "getpid", 0},   {"SCMP_ARCH_X86", "chmod", 0},
    {"SCMP_ARCH_X86", "unshare", 0},     {"SCMP_ARCH_X86", "socket", 359},
    {"SCMP_ARCH_X86", "semget", 393},    {"SCMP_ARCH_X86", "socketcall", 0},
    {"SCMP_ARCH_X86", "ipc", 0},         {"SCMP_ARCH_X32", "chmod", 0},
    {"SCMP_ARCH_X32", "unshare", 0},     {"SCMP_ARCH_X32", "socket", 0},
    {"SCMP_ARCH_AARCH64", "unshare", 0},
};

struct Counts {
  int profiles = 0;
  int calls = 0;
  int unknown = 0;
  int refused = 0;
  std::map<std::string, int> decisions;
};

std::string CallText(const Call& call, const std::vector<uint64_t>& args) {
  return absl::StrCat(call.architecture, " ", call.name, "(",
                      absl::StrJoin(args, ", ",
                                    [](std::string* out, uint64_t arg) {
                                      absl::StrAppend(out, "0x", absl::Hex(arg));
                                    }),
                      ")");
}

bool AnyUnreliable(const FilterRules& filter) {
  for (const std::string& architecture : filter.profile().architectures) {
    for (const std::string& name : filter.CallsWithRules(architecture)) {
      if (!filter.Rules(architecture, name).unreliable.empty()) return true;
    }
  }
  return false;
}

void CompareCall(const SeccompSimulator& simulator, const SeccompFilter& filter, const Call& call,
                 const std::vector<uint64_t>& args, const std::string& json, Counts& counts) {
  SyscallEvent event;
  event.set_name(call.name);
  event.set_architecture(call.architecture);
  for (const uint64_t arg : args) event.add_args(arg);
  const Verdict verdict = simulator.DecideOwnNumber(event);
  const std::string decision = call.number == 0
                                   ? filter.Decide(call.architecture, call.name, args)
                                   : filter.DecideNumber(call.architecture, call.number, args);
  ++counts.calls;
  ++counts.decisions[decision.substr(0, decision.find('('))];
  if (verdict.outcome == Verdict::Outcome::kUnknown) {
    ++counts.unknown;
    return;
  }
  EXPECT_EQ(VerdictText(verdict), FilterText(decision)) << CallText(call, args) << "\n" << json;
}

Counts Compare(const RandomProfileOptions& options, int wanted) {
  Counts counts;
  RandomProfiles random(20, options);
  while (counts.calls < wanted && !testing::Test::HasFailure()) {
    const SeccompProfile profile = random.Next();
    const SeccompArtifact artifact = EmitSeccomp("random", profile);
    const absl::StatusOr<SeccompSimulator> simulator = SeccompSimulator::Load(artifact);
    EXPECT_TRUE(simulator.ok()) << simulator.status() << artifact.json();
    if (!simulator.ok()) break;
    ++counts.profiles;
    // libseccomp may not come back from these.
    if (AnyUnreliable(simulator->filter())) {
      ++counts.unknown;
      continue;
    }
    const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(artifact.json());
    EXPECT_EQ(filter.ok(), simulator->filter().refusal().empty())
        << filter.status() << simulator->filter().refusal() << artifact.json();
    if (!filter.ok()) {
      ++counts.refused;
      continue;
    }
    for (int i = 0; i < kCallsPerProfile; ++i) {
      const Call& call = kCalls[random.Below(std::size(kCalls))];
      std::vector<uint64_t> args = random.Call(profile);
      // The numbers that socketcall and ipc are about.
      if (call.name == std::string("socketcall") || call.name == std::string("ipc")) {
        args[0] = 1 + random.Below(3);
      }
      CompareCall(*simulator, *filter, call, args, artifact.json(), counts);
    }
  }
  return counts;
}

TEST(DecideSeccompOracleTest, VerdictsAreThoseOfTheFilter) {
  RandomProfileOptions options;
  options.names = {"chmod", "unshare", "socket", "semget", "getpid", "no_such_call"};
  options.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  RandomProfileOptions deny = options;
  deny.default_action = "SCMP_ACT_ERRNO";
  deny.actions = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO"};
  const int wanted = WantedCases();
  int calls = 0;
  for (const RandomProfileOptions& one : {options, deny}) {
    const Counts counts = Compare(one, (wanted + 1) / 2);
    calls += counts.calls;
    std::cout << "seccomp decisions, default " << one.default_action << ": " << counts.calls
              << " calls under " << counts.profiles << " profiles, " << counts.unknown
              << " unknown, " << counts.refused << " profiles that no runtime starts\n";
    for (const auto& [decision, count] : counts.decisions) {
      std::cout << "  " << decision << ": " << count << "\n";
    }
    // The comparison says something.
    EXPECT_LT(counts.unknown, counts.calls / 4);
    EXPECT_GE(counts.decisions.size(), 5u);
  }
  EXPECT_GE(calls, wanted);
}

}  // namespace
}  // namespace varmor
