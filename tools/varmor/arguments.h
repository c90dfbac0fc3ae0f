// Command lines, from tables: what a command's table declares is what is parsed, what its help
// shows and what the shells complete.
#ifndef TOOLS_VARMOR_ARGUMENTS_H_
#define TOOLS_VARMOR_ARGUMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace varmor {

struct FlagSpec {
  enum class Complete { kNothing, kFile, kDirectory };

  // "fail-level", written --fail-level.
  std::string name;
  // 'f' for -f; 0: no short form.
  char letter = 0;
  // Name of the value in help texts, "FILE"; "" for a switch.
  std::string value;
  std::string help;
  // Allowed words, in any case; empty: any value.
  std::vector<std::string> choices;
  // The value is a list with commas, whose items are among `choices`.
  bool list = false;
  // May be given more than once.
  bool repeated = false;
  Complete complete = Complete::kNothing;
};

struct Example {
  std::string command;
  std::string what;
};

struct CommandSpec {
  std::string name;
  // One line, for the list of commands.
  std::string summary;
  // "[FILE]...", "show NAME"; "": no operands.
  std::string operands;
  // Paragraphs, as they are to be printed.
  std::string description;
  std::vector<FlagSpec> flags;
  std::vector<Example> examples;
  // First words that shells offer as operands, and the words offered after them.
  std::vector<std::string> operand_words;
  std::vector<std::string> second_words;
  bool operands_are_files = false;
  // Flags end where the operands begin, as those of the command that `varmor run` is given.
  bool flags_come_first = false;
  // The last line of the help page, without its end; "": the tool's usual exit codes.
  std::string exit_codes;
};

class Arguments {
 public:
  bool Has(absl::string_view flag) const { return values_.count(std::string(flag)) > 0; }
  // The last value, or `fallback`.
  std::string Get(absl::string_view flag, absl::string_view fallback = "") const;
  // Every value in order, lists split.
  std::vector<std::string> All(absl::string_view flag) const;
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  friend absl::StatusOr<Arguments> ParseArguments(const CommandSpec& spec,
                                                  absl::Span<const std::string> words);
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> operands_;
};

// Reads what follows the command's name. Words with a fixed set of choices come back as the table
// spells them. INVALID_ARGUMENT says what is wrong in one line, with the nearest known flag or
// word.
absl::StatusOr<Arguments> ParseArguments(const CommandSpec& spec,
                                         absl::Span<const std::string> words);

// Flags that every command has: --color, --help.
std::vector<FlagSpec> GlobalFlags();

// The page of `varmor COMMAND --help`.
std::string CommandHelp(const CommandSpec& spec);

}  // namespace varmor

#endif  // TOOLS_VARMOR_ARGUMENTS_H_
