#include "tools/varmor/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

absl::Status Usage(const CommandSpec& spec, absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(problem, "\n  fix: see `varmor ", spec.name, " --help`"));
}

absl::Status UnknownFlag(const CommandSpec& spec, absl::string_view name) {
  std::vector<std::string> known;
  for (const FlagSpec& flag : spec.flags) known.push_back(flag.name);
  for (const FlagSpec& flag : GlobalFlags()) known.push_back(flag.name);
  const std::string near = NearestWord(name, known);
  if (near.empty()) return Usage(spec, absl::StrCat("unknown flag \"--", name, "\""));
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag \"--", name, "\"\n  fix: did you mean \"--", near, "\"?"));
}

const FlagSpec* FindFlag(absl::Span<const FlagSpec> flags, absl::string_view name) {
  const auto found = std::find_if(flags.begin(), flags.end(),
                                  [&](const FlagSpec& flag) { return flag.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

const FlagSpec* FindLetter(absl::Span<const FlagSpec> flags, char letter) {
  const auto found = std::find_if(flags.begin(), flags.end(),
                                  [&](const FlagSpec& flag) { return flag.letter == letter; });
  return found == flags.end() ? nullptr : &*found;
}

// `word` as the table spells it.
absl::StatusOr<std::string> CheckChoice(const FlagSpec& flag, absl::string_view word) {
  if (flag.choices.empty()) return std::string(word);
  for (const std::string& choice : flag.choices) {
    if (absl::EqualsIgnoreCase(choice, word)) return choice;
  }
  const std::string near = NearestWord(word, flag.choices);
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag.name, ": unknown word ", Quoted(word), "\n  fix: ",
                   near.empty() ? absl::StrCat("use one of ", absl::StrJoin(flag.choices, ", "))
                                : absl::StrCat("did you mean \"", near, "\"?")));
}

absl::Status AddValue(const FlagSpec& flag, absl::string_view value,
                      std::vector<std::string>& values) {
  if (!flag.repeated && !flag.list && !values.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag.name, " is given twice"));
  }
  std::vector<std::string> words;
  if (flag.list) {
    words = absl::StrSplit(value, ',', absl::SkipWhitespace());
  } else {
    words.emplace_back(value);
  }
  if (words.empty() || words[0].empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag.name, ": the value is empty"));
  }
  for (const std::string& word : words) {
    absl::StatusOr<std::string> checked = CheckChoice(flag, absl::StripAsciiWhitespace(word));
    if (!checked.ok()) return checked.status();
    values.push_back(*std::move(checked));
  }
  return absl::OkStatus();
}

std::string FlagColumn(const FlagSpec& flag) {
  std::string column =
      flag.letter == 0 ? std::string("    ") : absl::StrCat("-", std::string(1, flag.letter), ", ");
  absl::StrAppend(&column, "--", flag.name);
  if (!flag.value.empty()) absl::StrAppend(&column, "=", flag.value);
  return column;
}

std::string FlagHelp(const FlagSpec& flag) {
  constexpr size_t kColumn = 28;
  std::string out = absl::StrCat("  ", FlagColumn(flag));
  if (out.size() + 2 > kColumn) {
    absl::StrAppend(&out, "\n", std::string(kColumn, ' '));
  } else {
    out.resize(kColumn, ' ');
  }
  std::vector<std::string> lines = absl::StrSplit(flag.help, '\n');
  if (!flag.choices.empty() && flag.choices.size() <= 6) {
    lines.push_back(absl::StrCat("one of: ", absl::StrJoin(flag.choices, ", ")));
  }
  absl::StrAppend(&out, absl::StrJoin(lines, absl::StrCat("\n", std::string(kColumn, ' '))), "\n");
  return out;
}

}  // namespace

std::string Arguments::Get(absl::string_view flag, absl::string_view fallback) const {
  const auto found = values_.find(std::string(flag));
  return found == values_.end() || found->second.empty() ? std::string(fallback)
                                                         : found->second.back();
}

std::vector<std::string> Arguments::All(absl::string_view flag) const {
  const auto found = values_.find(std::string(flag));
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::vector<FlagSpec> GlobalFlags() {
  FlagSpec color;
  color.name = "color";
  color.value = "WHEN";
  color.help = "colours: on a terminal unless NO_COLOR is set, always, never";
  color.choices = {"auto", "always", "never"};
  FlagSpec help;
  help.name = "help";
  help.letter = 'h';
  help.help = "show this page";
  return {color, help};
}

absl::StatusOr<Arguments> ParseArguments(const CommandSpec& spec,
                                         absl::Span<const std::string> words) {
  std::vector<FlagSpec> flags = spec.flags;
  for (FlagSpec& flag : GlobalFlags()) flags.push_back(std::move(flag));
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    absl::string_view word = words[i];
    if (word == "--") {
      arguments.operands_.insert(arguments.operands_.end(), words.begin() + i + 1, words.end());
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      if (spec.flags_come_first) {
        arguments.operands_.assign(words.begin() + i, words.end());
        break;
      }
      arguments.operands_.emplace_back(word);
      continue;
    }
    const FlagSpec* flag = nullptr;
    absl::string_view value;
    bool has_value = false;
    if (word[1] == '-') {
      word.remove_prefix(2);
      const size_t equals = word.find('=');
      has_value = equals != absl::string_view::npos;
      if (has_value) value = word.substr(equals + 1);
      const absl::string_view name = word.substr(0, equals);
      flag = FindFlag(flags, name);
      if (flag == nullptr) return UnknownFlag(spec, name);
    } else {
      flag = FindLetter(flags, word[1]);
      if (flag == nullptr) {
        return Usage(spec, absl::StrCat("unknown flag ", Quoted(word.substr(0, 2))));
      }
      has_value = word.size() > 2;
      value = word.substr(2);
      if (absl::StartsWith(value, "=")) value.remove_prefix(1);
    }
    std::vector<std::string>& values = arguments.values_[flag->name];
    if (flag->value.empty()) {
      if (has_value) return Usage(spec, absl::StrCat("--", flag->name, " takes no value"));
      continue;
    }
    if (!has_value) {
      if (i + 1 == words.size()) {
        return Usage(spec, absl::StrCat("--", flag->name, " needs a value: ", flag->value));
      }
      value = words[++i];
    }
    if (absl::Status added = AddValue(*flag, value, values); !added.ok()) return added;
  }
  if (!arguments.operands_.empty() && spec.operands.empty() && !arguments.Has("help")) {
    return Usage(spec, absl::StrCat("unexpected argument ", Quoted(arguments.operands_[0])));
  }
  return arguments;
}

std::string CommandHelp(const CommandSpec& spec) {
  std::string out = absl::StrCat("varmor ", spec.name, ": ", spec.summary, "\n\nUsage: varmor ",
                                 spec.name, spec.flags.empty() ? "" : " [FLAG]...",
                                 spec.operands.empty() ? "" : " ", spec.operands, "\n");
  if (!spec.description.empty()) absl::StrAppend(&out, "\n", spec.description, "\n");
  absl::StrAppend(&out, "\nFlags:\n");
  for (const FlagSpec& flag : spec.flags) absl::StrAppend(&out, FlagHelp(flag));
  for (const FlagSpec& flag : GlobalFlags()) absl::StrAppend(&out, FlagHelp(flag));
  if (!spec.examples.empty()) absl::StrAppend(&out, "\nExamples:\n");
  for (const Example& example : spec.examples) {
    absl::StrAppend(&out, "  # ", example.what, "\n  ", example.command, "\n");
  }
  absl::StrAppend(&out, "\nExit codes: ",
                  spec.exit_codes.empty()
                      ? "0 clean; 1 findings; 2 usage or invalid input; 3 internal fault."
                      : absl::string_view(spec.exit_codes),
                  "\n");
  return out;
}

}  // namespace varmor
