#include "lib/compiler/status/mistake.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"

namespace varmor {
namespace {

constexpr absl::string_view kFix = "varmor/fix";
constexpr absl::string_view kSeparator = "; ";

}  // namespace

absl::Status MistakeStatus(absl::StatusCode code, absl::string_view problem,
                           absl::string_view fix) {
  absl::Status status(code, absl::StrCat(problem, kSeparator, fix));
  status.SetPayload(kFix, absl::Cord(fix));
  return status;
}

Mistake MistakeOf(const absl::Status& status) {
  Mistake mistake;
  absl::string_view problem = status.message();
  if (const absl::optional<absl::Cord> fix = status.GetPayload(kFix)) {
    mistake.fix = std::string(*fix);
    absl::ConsumeSuffix(&problem, absl::StrCat(kSeparator, mistake.fix));
  }
  mistake.problem = std::string(problem);
  return mistake;
}

}  // namespace varmor
