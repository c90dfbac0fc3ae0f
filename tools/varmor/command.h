// The sub-commands: one function each, and the table of all of them.
#ifndef TOOLS_VARMOR_COMMAND_H_
#define TOOLS_VARMOR_COMMAND_H_

#include <string>
#include <vector>

#include "tools/varmor/arguments.h"
#include "tools/varmor/console.h"
#include "tools/varmor/exit_code.h"

namespace varmor {

struct Command {
  CommandSpec spec;
  // Returns an ExitCode. `arguments` are those of `spec`.
  int (*run)(const Arguments& arguments, Console& console) = nullptr;
  // The exit code for a command line that cannot be read.
  int usage_code = kExitInvalid;
};

Command CompileCommand();     // compile_command.cc
Command CheckCommand();       // check_command.cc
Command WhyCommand();         // why_command.cc
Command TestCommand();        // test_command.cc
Command DiffCommand();        // diff_command.cc
Command ExplainCommand();     // explain_command.cc
Command RunCommand();         // run_command.cc
Command BpfCommand();         // bpf_command.cc
Command AgentCommand();       // agent_command.cc
Command RulesCommand();       // rules_command.cc
Command ConvertCommand();     // convert_command.cc
Command SchemaCommand();      // schema_command.cc
Command VersionCommand();     // version_command.cc
Command CompletionCommand();  // completion_command.cc

// In the order of the help text.
std::vector<Command> AllCommands();

// Runs what `words` (without the program's name) ask for. Returns an ExitCode.
int RunTool(const std::vector<std::string>& words, Console& console);

}  // namespace varmor

#endif  // TOOLS_VARMOR_COMMAND_H_
