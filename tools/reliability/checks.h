// What the checks say: one line each, and the closing line that tools/vm/run counts.
#ifndef TOOLS_RELIABILITY_CHECKS_H_
#define TOOLS_RELIABILITY_CHECKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

class Checks {
 public:
  // "ok   [12.3] NAME: COUNTS", or FAIL. `counts` says how much was tried.
  void Expect(bool good, absl::string_view name, absl::string_view counts);
  // The status is not OK and its message has `words` in it.
  void ExpectRefused(const absl::Status& status, absl::string_view words, absl::string_view name);
  // A step without which the rest of a section is pointless; false when it failed.
  bool Need(const absl::Status& status, absl::string_view step);
  void Skip(absl::string_view name, absl::string_view why);

  // Prints "N passed, N failed"; the exit status.
  int Finish() const;

 private:
  int passed_ = 0;
  int failed_ = 0;
  int skipped_ = 0;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_CHECKS_H_
