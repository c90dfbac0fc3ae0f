// The comments of proto/*.proto at run time; descriptors do not have them.
#ifndef TOOLS_VARMOR_FIELD_COMMENTS_H_
#define TOOLS_VARMOR_FIELD_COMMENTS_H_

#include "absl/strings/string_view.h"

namespace varmor {

// The comment above a message or field with this full name ("varmor.Target.kind"), its first
// paragraph on one line; "" when there is none.
absl::string_view CommentOf(absl::string_view full_name);

}  // namespace varmor

#endif  // TOOLS_VARMOR_FIELD_COMMENTS_H_
