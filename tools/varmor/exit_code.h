// What the tool's exit codes mean; the same for every command but `run`.
#ifndef TOOLS_VARMOR_EXIT_CODE_H_
#define TOOLS_VARMOR_EXIT_CODE_H_

namespace varmor {

enum ExitCode : int {
  kExitClean = 0,
  // Diagnostics at or above the level asked for.
  kExitFindings = 1,
  // Wrong arguments, an unreadable file, a policy that does not compile.
  kExitInvalid = 2,
  // Ours or the system's fault: a result could not be written.
  kExitFault = 3,
  // `varmor run` alone: the command was not started. Statuses below are the command's own; env(1)
  // and timeout(1) keep the same distance.
  kExitNotStarted = 125,
  // As shells say it: the command cannot be executed, or was not found.
  kExitNotExecutable = 126,
  kExitNotFound = 127,
};

}  // namespace varmor

#endif  // TOOLS_VARMOR_EXIT_CODE_H_
