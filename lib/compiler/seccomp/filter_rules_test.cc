#include "lib/compiler/seccomp/filter_rules.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

SeccompEntry Entry(const std::string& action, std::vector<SeccompArg> args,
                   std::optional<uint32_t> errno_ret = std::nullopt) {
  SeccompEntry entry;
  entry.names = {"socket"};
  entry.action = action;
  entry.errno_ret = errno_ret;
  entry.args = std::move(args);
  return entry;
}

std::string Refusal(std::vector<SeccompEntry> entries) {
  SeccompProfile profile;
  profile.default_action = "SCMP_ACT_ALLOW";
  profile.architectures = {"SCMP_ARCH_X86_64"};
  profile.entries = std::move(entries);
  return FilterRules(std::move(profile)).refusal();
}

const SeccompArg kAlg = {0, 38, 0, "SCMP_CMP_EQ"};
const SeccompArg kRaw = {1, 3, 0, "SCMP_CMP_EQ"};
constexpr char kTwoActions[] =
    "libseccomp refuses two actions for the same calls of socket: entries 0 and 1";

TEST(FilterRulesTest, EqualConditionsWithTwoActionsAreRefused) {
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg}), Entry("SCMP_ACT_KILL", {kAlg})}),
            kTwoActions);
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg}, 1), Entry("SCMP_ACT_ERRNO", {kAlg}, 97)}),
            kTwoActions);
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg, kRaw}), Entry("SCMP_ACT_KILL", {kRaw, kAlg})}),
            kTwoActions);
}

TEST(FilterRulesTest, OtherPairsAreNot) {
  // EPERM is what no errno means.
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg}), Entry("SCMP_ACT_ERRNO", {kAlg}, 1)}), "");
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg}), Entry("SCMP_ACT_KILL", {kRaw})}), "");
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {kAlg}), Entry("SCMP_ACT_KILL", {kAlg, kRaw})}), "");
  // Behind an entry without arguments libseccomp looks at no other one.
  EXPECT_EQ(Refusal({Entry("SCMP_ACT_ERRNO", {}), Entry("SCMP_ACT_KILL", {kAlg}),
                     Entry("SCMP_ACT_ERRNO", {kAlg})}),
            "");
}

}  // namespace
}  // namespace varmor
