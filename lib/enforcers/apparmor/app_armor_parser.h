// apparmor_parser: what it says about a text, and what it makes of it.
#ifndef LIB_ENFORCERS_APPARMOR_APP_ARMOR_PARSER_H_
#define LIB_ENFORCERS_APPARMOR_APP_ARMOR_PARSER_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

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

// How a parser is run.
struct AppArmorParser {
  std::string program;
  // Where it looks for <abstractions/...>; "": its own default.
  std::string include_directory;
  // A file or directory with the features of the kernel to compile for; "": the running one's.
  std::string kernel_features;
  std::chrono::milliseconds time_limit{60000};

  // Both functions: INVALID_ARGUMENT for a text that the parser refuses, "apparmor_parser refuses
  // line 7 (spec.policy...), \"/x q,\": syntax error ..."; DEADLINE_EXCEEDED when it takes too
  // long; UNAVAILABLE when it cannot be run.

  // The full names of the profiles that a text declares, in its order.
  absl::StatusOr<std::vector<std::string>> Names(absl::string_view text) const;

  // The compiled policy, as the kernel takes it.
  absl::StatusOr<std::string> Compile(absl::string_view text, bool complain) const;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_APP_ARMOR_PARSER_H_
