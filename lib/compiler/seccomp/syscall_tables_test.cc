#include "lib/compiler/seccomp/syscall_tables.h"

#include <seccomp.h>

#include <algorithm>

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(SyscallTablesTest, KnowsWhereASyscallExists) {
  const std::vector<std::string> amd64 = {"SCMP_ARCH_X86_64"};
  const std::vector<std::string> arm64 = {"SCMP_ARCH_AARCH64"};
  const std::vector<std::string> i386 = {"SCMP_ARCH_X86"};
  const struct {
    const char* name;
    std::vector<std::string> architectures;
    SyscallKnowledge want;
  } kCases[] = {
      {"chmod", amd64, SyscallKnowledge::kKnown},
      {"chmod", arm64, SyscallKnowledge::kElsewhere},
      {"chmod", {}, SyscallKnowledge::kKnown},
      {"chmod", {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}, SyscallKnowledge::kKnown},
      {"chmod", {"SCMP_ARCH_LOONGARCH64"}, SyscallKnowledge::kKnown},
      // Through socketcall and ipc.
      {"recv", i386, SyscallKnowledge::kKnown},
      {"semop", i386, SyscallKnowledge::kKnown},
      {"recv", amd64, SyscallKnowledge::kElsewhere},
      {"cacheflush", {"SCMP_ARCH_ARM"}, SyscallKnowledge::kKnown},
      {"mseal", amd64, SyscallKnowledge::kNewer},
      {"", amd64, SyscallKnowledge::kUnknown},
      {"Chmod", amd64, SyscallKnowledge::kUnknown},
      {"90", amd64, SyscallKnowledge::kUnknown},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(LookUpSyscall(c.name, c.architectures), c.want) << c.name;
  }
  EXPECT_EQ(LookUpSyscall(absl::string_view("chmod\0x", 7), amd64), SyscallKnowledge::kUnknown);
}

TEST(SyscallTablesTest, NamesAreSortedAndComplete) {
  const std::vector<std::string>& names = SyscallNames();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  for (const char* name : {"read", "s390_runtime_instr", "cacheflush", "socketcall", "semop",
                           "fchmodat2", "listns", "vm86", "recv", "breakpoint"}) {
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), name)) << name;
  }
}

TEST(SyscallTablesTest, WordsAreThoseOfLibseccomp) {
  for (const std::string& word : SeccompArchitectureWords()) {
    std::string name = word.substr(std::string("SCMP_ARCH_").size());
    std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
    ASSERT_NE(architecture, nullptr);
    EXPECT_EQ(architecture->token, seccomp_arch_resolve_name(name.c_str())) << word;
  }
  EXPECT_EQ(FindSeccompArchitecture("SCMP_ARCH_NATIVE"), nullptr);
  EXPECT_EQ(FindSeccompAction("SCMP_ACT_FOO"), nullptr);
  EXPECT_EQ(SeccompActionWords().size(), 9u);
  EXPECT_EQ(SeccompOperatorWords().size(), 7u);
  EXPECT_TRUE(IsSeccompOperator("SCMP_CMP_MASKED_EQ"));
  EXPECT_FALSE(IsSeccompOperator("EQ"));
}

}  // namespace
}  // namespace varmor
