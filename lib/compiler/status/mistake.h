// A mistake in what somebody wrote, on its way to the stage that knows the field: a status that
// says what is wrong and what to write instead, as two things. Either may quote anything.
#ifndef LIB_COMPILER_STATUS_MISTAKE_H_
#define LIB_COMPILER_STATUS_MISTAKE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

struct Mistake {
  std::string problem;
  std::string fix;
};

// A status whose message is "problem; fix", both in lower case and without a full stop. `code` is
// not OK.
absl::Status MistakeStatus(absl::StatusCode code, absl::string_view problem, absl::string_view fix);

// What `status` was made of; its message and no fix when it was made otherwise.
Mistake MistakeOf(const absl::Status& status);

}  // namespace varmor

#endif  // LIB_COMPILER_STATUS_MISTAKE_H_
