// What the tool's exit codes mean; the same for every command.
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
};

}  // namespace varmor

#endif  // TOOLS_VARMOR_EXIT_CODE_H_
