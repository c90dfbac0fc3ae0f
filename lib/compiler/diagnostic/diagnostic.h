// One mistake in a policy, and the list that collects all of them.
//
// Stages know the field a mistake is in ("spec.policy.mode"), not the line; the loader, which has
// the document, turns fields into places once the stages are done (load/load_policy.h: Locate).
#ifndef LIB_COMPILER_DIAGNOSTIC_DIAGNOSTIC_H_
#define LIB_COMPILER_DIAGNOSTIC_DIAGNOSTIC_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace varmor {

// A place inside a text. Lines and columns count from 1, columns in bytes; 0 means unknown.
struct TextPlace {
  int line = 0;
  int column = 0;
};

struct Diagnostic {
  enum class Severity { kError, kWarning, kNote };

  Severity severity = Severity::kError;
  // Stable id in lower case with hyphens: "unknown-rule".
  std::string code;
  // "spec.policy.enhanceProtect.hardeningRules[2]": the path as the author would type it.
  std::string field;
  // Lower case, value quoted, no full stop.
  std::string problem;
  // What to write instead; "" if we cannot know.
  std::string fix;
  // Where inside the field's value, when that is a text of its own (raw AppArmor rules, a custom
  // seccomp profile).
  TextPlace inside;
  // An error only because reading is strict; a lenient compile has a warning here.
  bool from_strictness = false;

  // Filled by Locate: the place in the source, and the field's value as written ("" when it is not
  // a scalar).
  std::string file;
  TextPlace place;
  std::string value;

  // Orders diagnostics of several documents; filled by the loader.
  int document = 0;
};

// Collects diagnostics; owns them. Not thread-safe: one list per compile.
class Diagnostics {
 public:
  // `lenient` turns StrictError into a warning.
  explicit Diagnostics(bool lenient = false) : lenient_(lenient) {}

  void Error(absl::string_view code, absl::string_view field, absl::string_view problem,
             absl::string_view fix, TextPlace inside = {});
  void Warning(absl::string_view code, absl::string_view field, absl::string_view problem,
               absl::string_view fix, TextPlace inside = {});
  // For input that vArmor accepts and then ignores or misunderstands: an error, or under `lenient`
  // a warning.
  void StrictError(absl::string_view code, absl::string_view field, absl::string_view problem,
                   absl::string_view fix, TextPlace inside = {});
  void Add(Diagnostic diagnostic);

  bool lenient() const { return lenient_; }
  bool HasErrors() const;
  size_t size() const { return list_.size(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  std::vector<Diagnostic>& mutable_list() { return list_; }

  // Stable sort by file, document, line, column; diagnostics without a place keep their order,
  // last.
  void SortByPlace();

 private:
  bool lenient_;
  std::vector<Diagnostic> list_;
};

// "error", "warning" or "note".
absl::string_view SeverityName(Diagnostic::Severity severity);

// Two lines, ending in a newline, the second only when there is a fix:
//   policy.yaml:14:9: error: spec.policy.mode: unknown mode "Enhance" [unknown-mode]
//     fix: did you mean "EnhanceProtect"?
std::string FormatDiagnostic(const Diagnostic& diagnostic);

// The known word nearest to `word` (edit distance at most a third of its length, case-insensitive),
// or "" when none is near. Ties go to the first.
std::string NearestWord(absl::string_view word, absl::Span<const std::string> known);

// `"text"` with control characters, quotes and backslashes escaped, cut after 80 bytes with "...".
std::string Quoted(absl::string_view text);

}  // namespace varmor

#endif  // LIB_COMPILER_DIAGNOSTIC_DIAGNOSTIC_H_
