// Random rules: what libseccomp makes of our profile against what the rules say.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/lower/lower_seccomp.h"
#include "lib/compiler/seccomp/argument_condition.h"
#include "lib/compiler/seccomp/testing/seccomp_filter.h"

namespace varmor {
namespace {

constexpr const char* kOperators[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                      "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                      "SCMP_CMP_MASKED_EQ"};
// Boundaries of bytes, of the lower half, of 64 bits.
constexpr uint64_t kConstants[] = {0,
                                   1,
                                   5,
                                   8,
                                   0x40,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   0x100000005,
                                   0x8000000000000000,
                                   ~uint64_t{0}};

// What libseccomp can do with several entries for one syscall; see seccomp_entry_list.h.
enum class Kind { kOneEntry, kEqualities, kOneArgument, kAnything };

class RandomRules {
 public:
  RandomRules(unsigned seed, Kind kind) : random_(seed), kind_(kind) {}

  SeccompRules Next() {
    SeccompRules rules;
    rules.base = SeccompRules::Base::kBlockList;
    const size_t count = kind_ == Kind::kOneEntry ? 1 : 2 + random_() % 3;
    for (size_t i = 0; i < count; ++i) {
      SeccompRule rule;
      rule.names = {"chmod"};
      rule.action = "SCMP_ACT_ERRNO";
      rule.builtin = random_() % 2 == 0;
      rule.origin.field = "raw";
      AddArgs(rule);
      rules.rules.push_back(rule);
    }
    return rules;
  }

  std::vector<uint64_t> Call() {
    std::vector<uint64_t> args;
    for (int i = 0; i < 3; ++i) {
      const uint64_t upper = random_() % 4 == 0 ? uint64_t{1 + random_() % 5} << 32 : 0;
      args.push_back(Constant() + random_() % 3 - 1 + upper);
    }
    return args;
  }

 private:
  uint64_t Constant() { return kConstants[random_() % std::size(kConstants)]; }

  void AddArgs(SeccompRule& rule) {
    const size_t count = kind_ == Kind::kOneArgument ? 1 : 1 + random_() % 3;
    uint32_t index = random_() % 3;
    for (size_t i = 0; i < count; ++i) {
      SeccompArg arg = {index, Constant(), Constant(),
                        kOperators[random_() % std::size(kOperators)]};
      if (kind_ == Kind::kEqualities)
        arg.op = random_() % 2 == 0 ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ";
      if (kind_ == Kind::kOneArgument) arg.value &= 0xffffffff;
      rule.args.push_back(arg);
      // One entry means one alternative; elsewhere an index may come twice.
      index = kind_ == Kind::kOneEntry ? (index + 1) % 3 : random_() % 3;
    }
  }

  std::mt19937 random_;
  Kind kind_;
};

bool RuleMatches(const SeccompRule& rule, const std::vector<uint64_t>& call) {
  int seen[6] = {};
  bool alternatives = false;
  for (const SeccompArg& arg : rule.args) alternatives |= ++seen[arg.index] > 1;
  bool all = true;
  bool any = false;
  for (const SeccompArg& arg : rule.args) {
    const bool holds = ConditionHolds(arg, call[arg.index]);
    all &= holds;
    any |= holds;
  }
  return alternatives ? any : all;
}

std::string Expected(const SeccompRules& rules, const std::vector<uint64_t>& call) {
  for (const SeccompRule& rule : rules.rules) {
    if (RuleMatches(rule, call)) return "ERRNO(1)";
  }
  return "ALLOW";
}

struct Counts {
  int reported = 0;
  int calls = 0;
  int denied = 0;
};

Counts Compare(Kind kind, unsigned seeds) {
  Counts counts;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    RandomRules random(seed, kind);
    const SeccompRules rules = random.Next();
    Diagnostics diagnostics;
    const absl::StatusOr<SeccompProfile> profile =
        LowerSeccomp(rules, {"SCMP_ARCH_X86_64"}, diagnostics);
    EXPECT_TRUE(profile.ok()) << profile.status();
    if (diagnostics.HasErrors()) {
      ++counts.reported;
      continue;
    }
    const std::string json = SeccompJson(*profile);
    const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(json);
    EXPECT_TRUE(filter.ok()) << filter.status() << json;
    if (!filter.ok()) continue;
    for (int i = 0; i < 40; ++i) {
      const std::vector<uint64_t> call = random.Call();
      const std::string want = Expected(rules, call);
      EXPECT_EQ(filter->Decide("SCMP_ARCH_X86_64", "chmod", call), want)
          << absl::StrCat("seed ", seed, " call ", absl::Hex(call[0]), " ", absl::Hex(call[1]), " ",
                          absl::Hex(call[2]), "\n")
          << json;
      ++counts.calls;
      counts.denied += want == "ALLOW" ? 0 : 1;
    }
    if (::testing::Test::HasFailure()) break;
  }
  return counts;
}

TEST(LowerSeccompOracleTest, LibseccompDecidesAsTheRulesSay) {
  for (const Kind kind : {Kind::kOneEntry, Kind::kEqualities, Kind::kOneArgument}) {
    const Counts counts = Compare(kind, 1000);
    EXPECT_EQ(counts.reported, 0);
    // The comparison saw both answers.
    EXPECT_GT(counts.denied, counts.calls / 20);
    EXPECT_LT(counts.denied, counts.calls * 19 / 20);
  }
}

TEST(LowerSeccompOracleTest, WhatLibseccompGetsWrongIsReported) {
  const Counts counts = Compare(Kind::kAnything, 2000);
  EXPECT_GT(counts.reported, 500);
  EXPECT_GT(counts.calls, 1000);
}

// The bug itself: 0xffffffff is neither below 2^31 nor above 2^63. If this fails, libseccomp has
// been repaired, and the check in SeccompEntryList may know from which version on.
TEST(LowerSeccompOracleTest, LibseccompMixesUpTheHalvesOfTwoComparisons) {
  const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(R"({
    "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
       "args": [{"index": 1, "value": 2147483647, "op": "SCMP_CMP_LE"}]},
      {"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
       "args": [{"index": 1, "value": 9223372036854775808, "op": "SCMP_CMP_GT"}]}]})");
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Decide("SCMP_ARCH_X86_64", "chmod", {0, 0xffffffff}), "ERRNO(1)");
}

}  // namespace
}  // namespace varmor
