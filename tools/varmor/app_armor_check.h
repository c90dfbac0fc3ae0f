// The AppArmor parser's opinion on a profile, brought back to the policy.
#ifndef TOOLS_VARMOR_APP_ARMOR_CHECK_H_
#define TOOLS_VARMOR_APP_ARMOR_CHECK_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// What apparmor_parser says about a text it refuses.
struct ParserRefusal {
  // Its words, on one line.
  std::string message;
  // The line of the text it is about, from 1; 0 when that cannot be told.
  int line = 0;
  std::string line_text;
  // The policy's field that asked for the line, from the comment above it; "" when there is none.
  std::string field;
};

// The path of apparmor_parser on PATH (or in /sbin and /usr/sbin, where users' PATH often does not
// lead); "" when it is not installed.
std::string FindAppArmorParser();

// Runs `parser` on the text without loading it anywhere. Nothing when the text is fine. An error
// when the parser cannot be run.
absl::StatusOr<std::optional<ParserRefusal>> AskAppArmorParser(const std::string& parser,
                                                               absl::string_view text);

// The parser's output about `text` as a refusal.
ParserRefusal ReadParserOutput(absl::string_view output, absl::string_view text);

}  // namespace varmor

#endif  // TOOLS_VARMOR_APP_ARMOR_CHECK_H_
