// What must hold for any bytes; run by the fuzzer and, on its corpus, by a test.
#ifndef LIB_COMPILER_APPARMOR_APPARMOR_FUZZ_H_
#define LIB_COMPILER_APPARMOR_APPARMOR_FUZZ_H_

#include <string>

#include "absl/strings/string_view.h"

namespace varmor {

// Parses `text` as raw rules and as a profile. Returns what was wrong: a printed rule that is not
// read as the same rule, a changed profile that is not read as the same profile. "" if nothing was.
std::string CheckAppArmorText(absl::string_view text);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_APPARMOR_FUZZ_H_
