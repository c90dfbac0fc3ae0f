#include "tools/varmor/command.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "tools/varmor/exit_code.h"

namespace varmor {
namespace {

std::string Overview() {
  std::string out =
      "varmor compiles vArmor policies to AppArmor profiles, BPF maps and seccomp filters.\n\n"
      "Usage: varmor COMMAND [FLAG]... [OPERAND]...\n\nCommands:\n";
  for (const Command& command : AllCommands()) {
    absl::StrAppendFormat(&out, "  %-12s%s\n", command.spec.name, command.spec.summary);
  }
  absl::StrAppendFormat(&out, "  %-12s%s\n", "help", "show this page, or that of a command");
  absl::StrAppend(&out,
                  "\n`varmor COMMAND --help` shows a command's flags and examples.\n"
                  "Exit codes: 0 clean; 1 findings; 2 usage or invalid input; 3 internal fault.\n");
  return out;
}

int UnknownCommand(const std::string& word, Console& console) {
  std::vector<std::string> names = {"help"};
  for (const Command& command : AllCommands()) names.push_back(command.spec.name);
  const std::string near = NearestWord(word, names);
  console.Error(absl::StrCat("unknown command ", Quoted(word), "\n  fix: ",
                             near.empty() ? "`varmor help` lists the commands"
                                          : absl::StrCat("did you mean \"", near, "\"?")));
  return kExitInvalid;
}

const Command* FindCommand(const std::vector<Command>& commands, const std::string& name) {
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const Command& command) {
    return command.spec.name == name;
  });
  return found == commands.end() ? nullptr : &*found;
}

int Help(const std::vector<std::string>& words, Console& console) {
  for (const std::string& word : words) {
    if (word.empty() || word[0] == '-') continue;
    const std::vector<Command> commands = AllCommands();
    const Command* command = FindCommand(commands, word);
    if (command == nullptr) return UnknownCommand(word, console);
    console.Out(CommandHelp(command->spec));
    return kExitClean;
  }
  console.Out(Overview());
  return kExitClean;
}

}  // namespace

std::vector<Command> AllCommands() {
  return {CompileCommand(), CheckCommand(),  WhyCommand(),     TestCommand(),      DiffCommand(),
          RunCommand(),     BpfCommand(),    AgentCommand(),   ExplainCommand(),   RulesCommand(),
          ConvertCommand(), SchemaCommand(), VersionCommand(), CompletionCommand()};
}

int RunTool(const std::vector<std::string>& words, Console& console) {
  if (words.empty()) {
    console.Err(Overview());
    return kExitInvalid;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (words[0] == "help" || words[0] == "--help" || words[0] == "-h") return Help(rest, console);
  const std::vector<Command> commands = AllCommands();
  const Command* command = FindCommand(commands, words[0] == "--version" ? "version" : words[0]);
  if (command == nullptr) return UnknownCommand(words[0], console);

  const absl::StatusOr<Arguments> arguments = ParseArguments(command->spec, rest);
  if (!arguments.ok()) {
    console.Error(arguments.status().message());
    return command->usage_code;
  }
  console.SetColor(arguments->Get("color", "auto"));
  if (arguments->Has("help")) {
    console.Out(CommandHelp(command->spec));
    return kExitClean;
  }
  return command->run(*arguments, console);
}

}  // namespace varmor
