// Files, directories and standard input, read into memory.
#ifndef TOOLS_VARMOR_READ_INPUTS_H_
#define TOOLS_VARMOR_READ_INPUTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {

// A file's content, or that of standard input for "-". Reads no more than `max_bytes` + 1 bytes, so
// that a caller with a limit can tell. The error names the path and the system's reason.
absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes);

// The policies' texts: of a file, of every *.yaml, *.yml and *.json below a directory in the order
// of their paths, or of standard input ("-", as name too). Names that begin with a dot and links to
// directories are passed over below a directory: a mounted ConfigMap has each file twice. So are
// artifacts: NAME.report.json, and NAME.bpf.json and NAME.seccomp.json beside one.
//
// Every unreadable path and every directory without policies gets a line in `errors`.
std::vector<PolicySource> ReadPolicyInputs(const std::vector<std::string>& paths, size_t max_bytes,
                                           std::vector<std::string>& errors);

}  // namespace varmor

#endif  // TOOLS_VARMOR_READ_INPUTS_H_
