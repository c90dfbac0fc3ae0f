// Random seccomp profiles and calls at the boundaries of their conditions, for comparing readers.
#ifndef LIB_COMPILER_SECCOMP_TESTING_RANDOM_PROFILE_H_
#define LIB_COMPILER_SECCOMP_TESTING_RANDOM_PROFILE_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "lib/compiler/ir/seccomp_profile.h"

namespace varmor {

struct RandomProfileOptions {
  // Syscalls that entries name.
  std::vector<std::string> names;
  std::vector<std::string> architectures;
  std::string default_action = "SCMP_ACT_ALLOW";
  // Actions of entries.
  std::vector<std::string> actions = {"SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_KILL_THREAD",
                                      "SCMP_ACT_TRAP"};
};

// The same seed gives the same sequence.
class RandomProfiles {
 public:
  RandomProfiles(unsigned seed, RandomProfileOptions options)
      : random_(seed), options_(std::move(options)) {}

  // One to six entries. Conditions of one profile are of a kind: anything for a single entry per
  // syscall, equalities, one small argument, or anything at all; an index may occur twice.
  SeccompProfile Next();

  // Six arguments at, just below or just above what the profile's entries name, at 0, 1, 2^31, 2^32
  // or 2^63, at the largest number, or with other upper halves.
  std::vector<uint64_t> Call(const SeccompProfile& profile);

  uint64_t Below(uint64_t limit) { return random_() % limit; }

 private:
  enum class Kind { kOneEntryEach, kEqualities, kOneArgument, kAnything };

  uint64_t Constant();
  SeccompEntry Entry(Kind kind);

  std::mt19937_64 random_;
  RandomProfileOptions options_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_TESTING_RANDOM_PROFILE_H_
