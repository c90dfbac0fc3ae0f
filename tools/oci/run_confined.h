// Runs syscalls in a container of a real OCI runtime, under a seccomp profile of ours.
#ifndef TOOLS_OCI_RUN_CONFINED_H_
#define TOOLS_OCI_RUN_CONFINED_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

// Runtimes that the tests try, as programs on the PATH.
inline constexpr const char* kOciRuntimes[] = {"runc", "crun"};

struct ConfinedRun {
  // Path or name of the runtime's program: "runc".
  std::string runtime;
  // JSON of linux.seccomp; "" for no filter.
  std::string seccomp_json;
  // "chmod(0, 0x40)": a name, or a number for what libseccomp does not know, and up to six
  // integers. "i386:chmod(0, 0x40)" makes the call of a 32-bit program.
  std::vector<std::string> calls;
  // The program //tools/oci:make_syscalls.
  std::string make_syscalls;
  // An existing directory for the bundle; its contents are left behind.
  std::string scratch;
};

// What became of each call: "ok", "errno 1", "signal 31", "timeout". The container's process is
// root with every capability, so that the filter alone stands in the way; addresses such as 0 still
// give EFAULT. Needs root. INVALID_ARGUMENT for a call that cannot be read; FAILED_PRECONDITION
// with the runtime's own words when it did not run the container.
absl::StatusOr<std::vector<std::string>> RunConfined(const ConfinedRun& run);

// OK when `runtime` can run a container here; else the reason, for skipping a test.
absl::Status ProbeOciRuntime(absl::string_view runtime, absl::string_view make_syscalls,
                             absl::string_view scratch);

}  // namespace varmor

#endif  // TOOLS_OCI_RUN_CONFINED_H_
