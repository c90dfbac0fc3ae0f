#include "lib/compiler/model/model_seccomp.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"

namespace varmor {
namespace {

DynamicResult Recorded(const std::vector<std::string>& syscalls) {
  DynamicResult recorded;
  for (const std::string& name : syscalls) recorded.mutable_seccomp()->add_syscalls(name);
  return recorded;
}

SeccompProfile Parse(const std::string& text) {
  Diagnostics diagnostics;
  SeccompProfile profile = ParseOciSeccomp(text, "", diagnostics).profile;
  EXPECT_EQ(diagnostics.size(), 0u) << text;
  return profile;
}

using Names = std::vector<std::string>;
const Names& Fixed() {
  static const auto& names = *new Names({"open", "openat", "openat2", "close", "read", "write"});
  return names;
}

TEST(ModelSeccompTest, AllowsWhatWasRecordedSortedAndOnce) {
  const SeccompProfile profile = Parse(ModelSeccomp(Recorded({"mmap", "brk", "read", "brk"})));
  EXPECT_EQ(profile.default_action, "SCMP_ACT_ERRNO");
  EXPECT_TRUE(profile.architectures.empty());
  ASSERT_EQ(profile.entries.size(), 2u);
  EXPECT_EQ(profile.entries[0].names, Fixed());
  EXPECT_EQ(profile.entries[1].names, Names({"brk", "mmap"}));
  for (const SeccompEntry& entry : profile.entries) EXPECT_EQ(entry.action, "SCMP_ACT_ALLOW");
}

TEST(ModelSeccompTest, NoEmptyEntryWhenOnlyTheFixedCallsWereSeen) {
  const SeccompProfile profile = Parse(ModelSeccomp(Recorded({"read", "openat"})));
  ASSERT_EQ(profile.entries.size(), 1u);
  EXPECT_EQ(profile.entries[0].names, Fixed());
}

TEST(ModelSeccompTest, NothingRecordedIsNoProfile) {
  EXPECT_EQ(ModelSeccomp(DynamicResult()), "");
  EXPECT_EQ(ModelSeccomp(Recorded({})), "");
}

TEST(ModelSeccompTest, TheOrderOfRecordingDoesNotMatter) {
  EXPECT_EQ(ModelSeccomp(Recorded({"a", "b"})), ModelSeccomp(Recorded({"b", "a", "a"})));
}

}  // namespace
}  // namespace varmor
