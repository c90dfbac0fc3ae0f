// Reads the JSON text of an OCI linux.seccomp strictly: what it does not understand is an error.
#ifndef LIB_COMPILER_SECCOMP_PARSE_OCI_SECCOMP_H_
#define LIB_COMPILER_SECCOMP_PARSE_OCI_SECCOMP_H_

#include <cstddef>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/seccomp_profile.h"

namespace varmor {

// Limits of ParseOciSeccomp: far above any real profile, far below what would hurt.
inline constexpr size_t kMaxSeccompTextBytes = 1 << 20;
inline constexpr size_t kMaxSeccompEntries = 4096;

struct ParsedSeccomp {
  // Entries have one name or more; an entry may list an argument index twice. Empty parts where the
  // text had mistakes. Entries have no origin.
  SeccompProfile profile;
  // Where things stand in the text: "defaultAction", "syscalls[3]", "syscalls[3].names[1]",
  // "syscalls[3].args[0].op".
  std::map<std::string, TextPlace> places;
};

// Parses `text`, which stands in `field`; mistakes get `inside` places in the text. Any bytes are
// safe. Checks the JSON, member names, types, ranges, and the words for actions, operators,
// architectures and flags; what entries mean together is for CheckSyscallEntries. Members of
// Docker's own format (archMap, includes, excludes) are refused, since an OCI runtime ignores them.
ParsedSeccomp ParseOciSeccomp(absl::string_view text, absl::string_view field,
                              Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_PARSE_OCI_SECCOMP_H_
