// varmor agent: what the agent of this machine knows.
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/agent/agent_status.h"
#include "runtime/agent/control_socket.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"

namespace varmor {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(10);

int Run(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& operands = arguments.operands();
  if (operands.size() > 1 || (operands.size() == 1 && operands[0] != "status")) {
    console.Error(absl::StrCat("unexpected argument ", Quoted(operands.back()),
                               "\n  fix: varmor agent status"));
    return kExitInvalid;
  }
  const absl::StatusOr<ControlJson> status =
      AskAgent(arguments.Get("socket", kAgentSocket), {{"command", "status"}}, kLimit);
  if (!status.ok()) {
    console.Error(absl::StrCat(status.status().message(),
                               "\n  fix: start varmor-agent, run this as root, or name its socket "
                               "with --socket"));
    return kExitFindings;
  }
  const bool as_json = arguments.Get("format", "text") == "json";
  console.Out(as_json ? status->dump(2) + "\n" : AgentStatusText(*status));
  return AgentTroubles(*status).empty() ? kExitClean : kExitFindings;
}

}  // namespace

Command AgentCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "agent";
  spec.summary = "show what the agent of this machine enforces";
  spec.operands = "[status]";
  spec.description =
      "status    enforcers, policies with their state, containers with what confines them\n\n"
      "Asks varmor-agent by its socket, as root. Exits with 1 when the agent does not answer, is "
      "not "
      "ready,\n"
      "or not everything is as the policies say; the second line tells what.";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json"};
  FlagSpec socket;
  socket.name = "socket";
  socket.value = "PATH";
  socket.help = "the agent's socket (default /run/varmor/agent.sock)";
  socket.complete = FlagSpec::Complete::kFile;
  spec.flags = {format, socket};
  spec.examples = {{"varmor agent status", "what is enforced, and what is not"},
                   {"varmor agent status --format json | jq .containers", "for programs"}};
  spec.operand_words = {"status"};
  command.run = Run;
  return command;
}

}  // namespace varmor
