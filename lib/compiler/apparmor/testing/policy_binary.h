// Reads the binary policy that the AppArmor parser writes for the kernel, as the kernel reads it
// (security/apparmor/policy_unpack.c, match.c). For tests: what a profile really means is in there,
// and nothing here knows how our own parser or simulator came to their answers.
#ifndef LIB_COMPILER_APPARMOR_TESTING_POLICY_BINARY_H_
#define LIB_COMPILER_APPARMOR_TESTING_POLICY_BINARY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// One deterministic automaton: rows of a packed table, with accept words.
class BinaryDfa {
 public:
  using State = uint32_t;
  static constexpr State kDead = 0;
  static constexpr State kStart = 1;

  // `blob` begins with up to 7 bytes of padding. INVALID_ARGUMENT when the kernel would refuse it.
  static absl::StatusOr<BinaryDfa> Parse(absl::string_view blob);

  State Next(State state, uint8_t byte) const;
  State Walk(State state, absl::string_view bytes) const;
  // 0 for the dead state.
  uint32_t accept(State state) const { return accept_[state]; }
  uint32_t accept2(State state) const { return accept2_.empty() ? 0 : accept2_[state]; }
  size_t states() const { return base_.size(); }

 private:
  absl::Status Check() const;

  std::vector<uint32_t> accept_;
  std::vector<uint32_t> accept2_;
  std::vector<uint32_t> base_;
  std::vector<uint32_t> default_;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> check_;
  // Empty: bytes are their own classes.
  std::vector<uint32_t> classes_;
};

struct BinaryRlimits {
  uint32_t mask = 0;
  std::vector<uint64_t> values;
};

struct BinaryProfile {
  // "NAME" or "NAME//child".
  std::string name;
  bool is_hat = false;
  // 0 enforce, 1 complain.
  uint32_t mode = 0;
  uint32_t audit = 0;
  uint32_t path_flags = 0;
  uint64_t caps_allow = 0;
  uint64_t caps_audit = 0;
  uint64_t caps_quiet = 0;
  // Both empty when the profile attaches to nothing.
  std::vector<BinaryDfa> xmatch;
  // Everything but files: one automaton, in which the first byte is the class. Empty or one.
  std::vector<BinaryDfa> policy;
  BinaryDfa::State policy_start = BinaryDfa::kStart;
  // Empty or one.
  std::vector<BinaryDfa> file;
  BinaryDfa::State file_start = BinaryDfa::kStart;
  std::vector<std::string> transitions;
  BinaryRlimits rlimits;
};

// All profiles of one output of the parser, in its order. INVALID_ARGUMENT for anything else.
absl::StatusOr<std::vector<BinaryProfile>> ParseBinaryPolicy(absl::string_view bytes);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_TESTING_POLICY_BINARY_H_
