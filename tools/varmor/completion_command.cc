// varmor completion: scripts for shells, from the same tables as the parser.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"

namespace varmor {
namespace {

std::vector<FlagSpec> FlagsOf(const CommandSpec& spec) {
  std::vector<FlagSpec> flags = spec.flags;
  for (const FlagSpec& flag : GlobalFlags()) flags.push_back(flag);
  return flags;
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names;
  for (const Command& command : AllCommands()) names.push_back(command.spec.name);
  names.emplace_back("help");
  return names;
}

std::string FlagWords(const CommandSpec& spec) {
  std::string words;
  for (const FlagSpec& flag : FlagsOf(spec)) {
    absl::StrAppend(&words, words.empty() ? "" : " ", "--", flag.name);
    if (flag.letter != 0) absl::StrAppend(&words, " -", std::string(1, flag.letter));
  }
  return words;
}

// Bash: the arms of a case over "COMMAND FLAG", for the value of a flag.
std::string BashValueArms(const CommandSpec& spec) {
  std::string arms;
  for (const FlagSpec& flag : FlagsOf(spec)) {
    if (flag.value.empty()) continue;
    std::string pattern = absl::StrCat("\"", spec.name, " --", flag.name, "\"");
    if (flag.letter != 0) {
      absl::StrAppend(&pattern, "|\"", spec.name, " -", std::string(1, flag.letter), "\"");
    }
    std::string action = ":";
    if (!flag.choices.empty()) {
      action = absl::StrCat("_varmor_words \"", absl::StrJoin(flag.choices, " "), "\"");
    } else if (flag.complete == FlagSpec::Complete::kFile) {
      action = "_varmor_files -f";
    } else if (flag.complete == FlagSpec::Complete::kDirectory) {
      action = "_varmor_files -d";
    }
    absl::StrAppend(&arms, "    ", pattern, ") ", action, "; return ;;\n");
  }
  return arms;
}

// Bash: the flags of a command whose value is the next word, as one pattern of a case.
std::string BashValuePattern(const CommandSpec& spec) {
  std::string pattern;
  for (const FlagSpec& flag : FlagsOf(spec)) {
    if (flag.value.empty()) continue;
    absl::StrAppend(&pattern, pattern.empty() ? "" : "|", "\"", spec.name, " --", flag.name, "\"");
    if (flag.letter != 0) {
      absl::StrAppend(&pattern, "|\"", spec.name, " -", std::string(1, flag.letter), "\"");
    }
  }
  return pattern;
}

std::string BashOperandArm(const CommandSpec& spec) {
  std::string action = ":";
  if (spec.operands_are_files) action = "_varmor_files -f";
  if (!spec.operand_words.empty()) {
    action = absl::StrCat("if [[ $operands -eq 0 ]]; then _varmor_words \"",
                          absl::StrJoin(spec.operand_words, " "), "\"; ");
    if (!spec.second_words.empty()) {
      absl::StrAppend(&action, "elif [[ $operands -eq 1 ]]; then _varmor_words \"",
                      absl::StrJoin(spec.second_words, " "), "\"; ");
    }
    absl::StrAppend(&action, "fi");
  }
  return absl::StrCat("    ", spec.name, ") ", action, " ;;\n");
}

constexpr char kBashTemplate[] = R"(# varmor completion for bash: source <(varmor completion bash)
_varmor_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_varmor_files() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
  compopt -o filenames 2>/dev/null
}

_varmor() {
  local current=${COMP_WORDS[COMP_CWORD]} previous="" command="" operands=0 i word
  COMPREPLY=()
  ((COMP_CWORD > 0)) && previous=${COMP_WORDS[COMP_CWORD - 1]}
  # Bash makes "--flag=value" three words.
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" ]] && ((COMP_CWORD > 1)); then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
      continue
    fi
    case "$command $word" in
@TAKES_VALUE@) [[ ${COMP_WORDS[i + 1]} == "=" ]] && ((i += 1)); ((i += 1)) ;;
    *" -"*) ;;
    *) ((operands += 1)) ;;
    esac
  done
  if [[ -z $command ]]; then
    _varmor_words "@COMMANDS@"
    return
  fi
  case "$command $previous" in
@VALUES@  esac
  if [[ $current == -* ]]; then
    case $command in
@FLAGS@    esac
    return
  fi
  case $command in
@OPERANDS@    help) _varmor_words "@COMMANDS@" ;;
  esac
}

complete -F _varmor varmor
)";

std::string Bash() {
  std::string values;
  std::string flags;
  std::string operands;
  std::string takes_value;
  for (const Command& command : AllCommands()) {
    absl::StrAppend(&values, BashValueArms(command.spec));
    absl::StrAppend(&takes_value, takes_value.empty() ? "    " : "|",
                    BashValuePattern(command.spec));
    absl::StrAppend(&flags, "      ", command.spec.name, ") _varmor_words \"",
                    FlagWords(command.spec), "\" ;;\n");
    absl::StrAppend(&operands, BashOperandArm(command.spec));
  }
  return absl::StrReplaceAll(kBashTemplate, {{"@COMMANDS@", absl::StrJoin(CommandNames(), " ")},
                                             {"@VALUES@", values},
                                             {"@TAKES_VALUE@", takes_value},
                                             {"@FLAGS@", flags},
                                             {"@OPERANDS@", operands}});
}

// For single quotes in zsh and fish; `extra` characters are escaped with a backslash first.
std::string ShellText(absl::string_view text, absl::string_view extra) {
  std::string escaped;
  for (const char c : text) {
    if (extra.find(c) != absl::string_view::npos) escaped.push_back('\\');
    escaped.push_back(c == '\n' ? ' ' : c);
  }
  return escaped;
}

// An argument specification of zsh's _arguments.
std::string ZshFlag(const FlagSpec& flag) {
  std::string names = absl::StrCat("--", flag.name, flag.value.empty() ? "" : "=");
  std::string prefix = flag.repeated || flag.list ? "*" : "";
  std::string what =
      absl::StrCat("[", absl::StrReplaceAll(ShellText(flag.help, "[]:"), {{"'", "'\\''"}}), "]");
  if (!flag.value.empty()) {
    std::string action = " ";
    if (!flag.choices.empty()) action = absl::StrCat("(", absl::StrJoin(flag.choices, " "), ")");
    if (flag.complete == FlagSpec::Complete::kFile) action = "_files";
    if (flag.complete == FlagSpec::Complete::kDirectory) action = "_files -/";
    absl::StrAppend(&what, ":", flag.value, ":", action);
  }
  std::string out = absl::StrCat("'", prefix, names, what, "'");
  if (flag.letter != 0) {
    absl::StrAppend(&out, " '", prefix, "-", std::string(1, flag.letter),
                    flag.value.empty() ? "" : "+", what, "'");
  }
  return out;
}

std::string Zsh() {
  std::string out =
      "#compdef varmor\n# varmor completion for zsh: save as _varmor in a directory of $fpath\n"
      "_varmor() {\n  local context state state_descr line\n  typeset -A opt_args\n"
      "  if (( CURRENT == 2 )); then\n";
  absl::StrAppend(&out, "    compadd -- ", absl::StrJoin(CommandNames(), " "),
                  "\n    return\n  fi\n  local command=$words[2]\n  shift words\n"
                  "  (( CURRENT -= 1 ))\n  case $command in\n");
  for (const Command& command : AllCommands()) {
    const CommandSpec& spec = command.spec;
    absl::StrAppend(&out, "    ", spec.name, ")\n      _arguments -s");
    for (const FlagSpec& flag : FlagsOf(spec)) {
      absl::StrAppend(&out, " \\\n        ", ZshFlag(flag));
    }
    if (spec.operands_are_files) absl::StrAppend(&out, " \\\n        '*:file:_files'");
    if (!spec.operand_words.empty()) {
      absl::StrAppend(&out, " \\\n        '1:word:(", absl::StrJoin(spec.operand_words, " "), ")'");
    }
    if (!spec.second_words.empty()) {
      absl::StrAppend(&out, " \\\n        '2:name:(", absl::StrJoin(spec.second_words, " "), ")'");
    }
    absl::StrAppend(&out, "\n      ;;\n");
  }
  absl::StrAppend(&out, "    help) compadd -- ", absl::StrJoin(CommandNames(), " "),
                  " ;;\n  esac\n}\n\nif [[ $funcstack[1] == _varmor ]]; then\n  _varmor \"$@\"\n"
                  "else\n  compdef _varmor varmor\nfi\n");
  return out;
}

std::string FishFlag(const CommandSpec& spec, const FlagSpec& flag) {
  std::string line = absl::StrCat("complete -c varmor -n '__fish_seen_subcommand_from ", spec.name,
                                  "' -l ", flag.name);
  if (flag.letter != 0) absl::StrAppend(&line, " -s ", std::string(1, flag.letter));
  if (!flag.value.empty()) {
    const bool files = flag.complete != FlagSpec::Complete::kNothing;
    absl::StrAppend(&line, files ? " -r -F" : " -x");
    if (!flag.choices.empty()) {
      absl::StrAppend(&line, " -a '", absl::StrJoin(flag.choices, " "), "'");
    }
  }
  return absl::StrCat(line, " -d '", ShellText(flag.help, "\\'"), "'\n");
}

std::string Fish() {
  std::string out =
      "# varmor completion for fish: varmor completion fish | source\n"
      "complete -c varmor -f\n";
  for (const Command& command : AllCommands()) {
    absl::StrAppend(&out, "complete -c varmor -n __fish_use_subcommand -a ", command.spec.name,
                    " -d '", ShellText(command.spec.summary, "\\'"), "'\n");
  }
  absl::StrAppend(&out, "complete -c varmor -n __fish_use_subcommand -a help -d 'show help'\n");
  for (const Command& command : AllCommands()) {
    const CommandSpec& spec = command.spec;
    for (const FlagSpec& flag : FlagsOf(spec)) absl::StrAppend(&out, FishFlag(spec, flag));
    const std::string seen = absl::StrCat("__fish_seen_subcommand_from ", spec.name);
    if (spec.operands_are_files) {
      absl::StrAppend(&out, "complete -c varmor -n '", seen, "' -F\n");
    }
    for (const std::string& word : spec.operand_words) {
      absl::StrAppend(&out, "complete -c varmor -n '", seen,
                      "; and not __fish_seen_subcommand_from ",
                      absl::StrJoin(spec.operand_words, " "), "' -a ", word, "\n");
    }
    if (!spec.second_words.empty()) {
      absl::StrAppend(&out, "complete -c varmor -n '", seen, "; and __fish_seen_subcommand_from ",
                      absl::StrJoin(spec.operand_words, " "), "' -a '",
                      absl::StrJoin(spec.second_words, " "), "'\n");
    }
  }
  return out;
}

int Run(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& operands = arguments.operands();
  if (operands.size() == 1 && operands[0] == "bash") {
    console.Out(Bash());
  } else if (operands.size() == 1 && operands[0] == "zsh") {
    console.Out(Zsh());
  } else if (operands.size() == 1 && operands[0] == "fish") {
    console.Out(Fish());
  } else {
    console.Error(absl::StrCat(operands.size() == 1
                                   ? absl::StrCat("unknown shell ", Quoted(operands[0]))
                                   : std::string("`completion` takes the name of one shell"),
                               "\n  fix: varmor completion bash|zsh|fish"));
    return kExitInvalid;
  }
  return kExitClean;
}

}  // namespace

Command CompletionCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "completion";
  spec.summary = "print a completion script for a shell";
  spec.operands = "bash|zsh|fish";
  spec.examples = {{"source <(varmor completion bash)", "in ~/.bashrc"},
                   {"varmor completion fish | source", "in config.fish"},
                   {"varmor completion zsh > \"${fpath[1]}/_varmor\"", "once, for zsh"}};
  spec.operand_words = {"bash", "zsh", "fish"};
  command.run = Run;
  return command;
}

}  // namespace varmor
