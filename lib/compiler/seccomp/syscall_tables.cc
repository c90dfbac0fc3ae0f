#include "lib/compiler/seccomp/syscall_tables.h"

#include <seccomp.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>

namespace varmor {
namespace {

// include/uapi/asm-generic/unistd.h, numbers 462 and up, and what libseccomp before 2.5.5 lacks.
constexpr const char* kNewerSyscalls[] = {
    "cachestat",   "fchmodat2",         "file_getattr",     "file_setattr",      "futex_requeue",
    "futex_wait",  "futex_wake",        "getxattrat",       "listmount",         "listns",
    "listxattrat", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "map_shadow_stack",
    "mseal",       "open_tree_attr",    "removexattrat",    "setxattrat",        "statmount",
    "uprobe",      "uretprobe",
};

constexpr SeccompActionWord kActions[] = {
    {"SCMP_ACT_ALLOW", false, false},      {"SCMP_ACT_ERRNO", true, true},
    {"SCMP_ACT_KILL", false, true},        {"SCMP_ACT_KILL_PROCESS", false, true},
    {"SCMP_ACT_KILL_THREAD", false, true}, {"SCMP_ACT_LOG", false, false},
    {"SCMP_ACT_NOTIFY", false, false},     {"SCMP_ACT_TRACE", true, false},
    {"SCMP_ACT_TRAP", false, true},
};

constexpr SeccompArchitecture kArchitectures[] = {
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, false, false},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM, false, true},
    {"SCMP_ARCH_LOONGARCH64", 0, false, false},
    {"SCMP_ARCH_M68K", 0, true, true},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS, true, true},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64, true, false},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32, true, true},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL, false, true},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64, false, false},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32, false, true},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC, true, true},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64, true, false},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC, true, true},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64, true, false},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, false, false},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, false, false},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390, true, true},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X, true, false},
    {"SCMP_ARCH_SH", 0, false, true},
    {"SCMP_ARCH_SHEB", 0, true, true},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32, false, true},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86, false, true},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, false, false},
};

template <typename Table>
std::vector<std::string> Words(const Table& table) {
  std::vector<std::string> words;
  for (const auto& row : table) words.push_back(row.word);
  return words;
}

template <typename Row, size_t kSize>
const Row* Find(const Row (&table)[kSize], absl::string_view word) {
  for (const Row& row : table) {
    if (word == row.word) return &row;
  }
  return nullptr;
}

// Whether the architecture really has the call. libseccomp answers with a negative number of its
// own for a call that only others have; -101 to -120 stand for calls through socketcall and -201 to
// -224 for those through ipc, also where these do not exist.
bool HasSyscall(uint32_t token, const std::string& name) {
  const int number = seccomp_syscall_resolve_name_arch(token, name.c_str());
  if (number >= 0) return true;
  const char* through = nullptr;
  if (number <= -100 && number > -200) through = "socketcall";
  if (number <= -200 && number > -300) through = "ipc";
  return through != nullptr && seccomp_syscall_resolve_name_arch(token, through) >= 0;
}

std::vector<std::string> CollectNames() {
  // First numbers of the ranges: ordinary; MIPS o32, n64, n32; x32; ARM's private calls.
  constexpr int kRanges[] = {0, 4000, 5000, 6000, 0x40000000, 0xf0000};
  constexpr int kRangeSize = 1024;
  std::set<std::string> names(std::begin(kNewerSyscalls), std::end(kNewerSyscalls));
  for (const SeccompArchitecture& architecture : kArchitectures) {
    if (architecture.token == 0) continue;
    for (const int first : kRanges) {
      for (int number = first; number < first + kRangeSize; ++number) {
        char* name = seccomp_syscall_resolve_num_arch(architecture.token, number);
        if (name == nullptr) continue;
        names.insert(name);
        std::free(name);
      }
    }
    // The multiplexed ones.
    for (int number = -300; number <= -100; ++number) {
      char* name = seccomp_syscall_resolve_num_arch(architecture.token, number);
      if (name == nullptr) continue;
      names.insert(name);
      std::free(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace

SyscallKnowledge LookUpSyscall(absl::string_view name,
                               const std::vector<std::string>& architectures) {
  // The C functions would see only the part before a NUL.
  if (name.empty() || name.find('\0') != absl::string_view::npos) return SyscallKnowledge::kUnknown;
  const std::string text(name);
  bool any_architecture = architectures.empty();
  for (const std::string& word : architectures) {
    const SeccompArchitecture* architecture = FindSeccompArchitecture(word);
    if (architecture == nullptr || architecture->token == 0) {
      any_architecture = true;
    } else if (HasSyscall(architecture->token, text)) {
      return SyscallKnowledge::kKnown;
    }
  }
  for (const char* newer : kNewerSyscalls) {
    if (name == newer) return SyscallKnowledge::kNewer;
  }
  if (!std::binary_search(SyscallNames().begin(), SyscallNames().end(), text)) {
    return SyscallKnowledge::kUnknown;
  }
  return any_architecture ? SyscallKnowledge::kKnown : SyscallKnowledge::kElsewhere;
}

int SyscallNumber(absl::string_view name, absl::string_view architecture) {
  const SeccompArchitecture* known = FindSeccompArchitecture(architecture);
  if (known == nullptr || known->token == 0) return -1;
  if (name.empty() || name.find('\0') != absl::string_view::npos) return -1;
  return std::max(-1, seccomp_syscall_resolve_name_arch(known->token, std::string(name).c_str()));
}

const std::vector<std::string>& SyscallNames() {
  static const std::vector<std::string>& names = *new std::vector<std::string>(CollectNames());
  return names;
}

const SeccompActionWord* FindSeccompAction(absl::string_view word) { return Find(kActions, word); }

const std::vector<std::string>& SeccompActionWords() {
  static const std::vector<std::string>& words = *new std::vector<std::string>(Words(kActions));
  return words;
}

bool IsSeccompOperator(absl::string_view word) {
  const std::vector<std::string>& words = SeccompOperatorWords();
  return std::find(words.begin(), words.end(), word) != words.end();
}

const std::vector<std::string>& SeccompOperatorWords() {
  static const std::vector<std::string>& words = *new std::vector<std::string>{
      "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",       "SCMP_CMP_LE",
      "SCMP_CMP_LT", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ"};
  return words;
}

const SeccompArchitecture* FindSeccompArchitecture(absl::string_view word) {
  return Find(kArchitectures, word);
}

const std::vector<std::string>& SeccompArchitectureWords() {
  static const std::vector<std::string>& words =
      *new std::vector<std::string>(Words(kArchitectures));
  return words;
}

const std::vector<std::string>& SeccompFlagWords() {
  static const std::vector<std::string>& words = *new std::vector<std::string>{
      "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  return words;
}

}  // namespace varmor
