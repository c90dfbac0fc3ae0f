#include "tools/reliability/fault_outcome.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {

void FaultOutcome::Count(const std::string& kind, bool error) {
  injected++;
  errors += error;
  kinds[kind]++;
}

void FaultOutcome::Wrong(const std::string& why) {
  if (wrong++ == 0) first_wrong = why;
}

void FaultOutcome::Stop(const std::string& why) {
  Wrong(why);
  stop = true;
}

void FaultOutcome::Report(Checks& checks, absl::string_view name) const {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin)
          .count();
  checks.Expect(wrong == 0 && injected > 0, name,
                absl::StrCat(injected, " faults, ", errors, " of them told as errors, ", wrong,
                             " wrong (", absl::StrJoin(kinds, ", ", absl::PairFormatter(" ")),
                             "), ", seconds, " s", wrong > 0 ? "; first: " : "", first_wrong));
}

}  // namespace varmor
