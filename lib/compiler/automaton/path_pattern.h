// A path pattern of the BPF enforcer, parsed. docs/patterns.md is the grammar for users.
#ifndef LIB_COMPILER_AUTOMATON_PATH_PATTERN_H_
#define LIB_COMPILER_AUTOMATON_PATH_PATTERN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

struct GlobNode;  // glob.h, inside automaton/

// An immutable, cheaply copied value. The default is a pattern that matches nothing.
class PathPattern {
 public:
  PathPattern() = default;

  // Parses a pattern in the notation of BPF rules. INVALID_ARGUMENT, a MistakeStatus, when it is
  // empty, too long (kMaxBytes), relative without being a name pattern, or malformed.
  static absl::StatusOr<PathPattern> Parse(absl::string_view text);

  // The pattern that matches `path` and nothing else, whatever characters it holds.
  static PathPattern Exact(absl::string_view path);

  // As the author wrote it; "" for the default pattern.
  const std::string& text() const;
  // Null for the default pattern.
  const GlobNode* root() const { return root_.get(); }
  // Holds characters that vArmor took literally and that are wildcards here: ? [ ] { }
  bool has_extended_glob() const;
  // The directories above what the pattern protects, when it begins with literal components:
  // "/etc/ssl/**" gives "/etc", "/etc/ssl". Without "/".
  std::vector<std::string> LiteralAncestors() const;

  static constexpr size_t kMaxBytes = 4095;  // PATH_MAX - 1, include/uapi/linux/limits.h

  bool operator==(const PathPattern& other) const { return text() == other.text(); }
  bool operator<(const PathPattern& other) const { return text() < other.text(); }

 private:
  std::shared_ptr<const GlobNode> root_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_PATH_PATTERN_H_
