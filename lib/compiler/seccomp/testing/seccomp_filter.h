// The filter that an OCI runtime would load for a profile, built by the real libseccomp and run by
// our interpreter. An oracle: it shares no code with the compiler.
#ifndef LIB_COMPILER_SECCOMP_TESTING_SECCOMP_FILTER_H_
#define LIB_COMPILER_SECCOMP_TESTING_SECCOMP_FILTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/classic_bpf.h"

namespace varmor {

class SeccompFilter {
 public:
  // Reads the JSON of linux.seccomp the way runc 1.1 and crun 1.8 do: unknown syscalls are skipped,
  // as are entries with the default action; an index that occurs twice makes an entry's arguments
  // alternatives. FAILED_PRECONDITION for what makes both refuse to start the container.
  static absl::StatusOr<SeccompFilter> Build(absl::string_view json);

  // What happens to a call: "ALLOW", "LOG", "ERRNO(1)", "KILL_THREAD", "KILL_PROCESS", "TRAP",
  // "TRACE(1)", "NOTIFY". `architecture` is a word such as "SCMP_ARCH_X86"; "no such syscall" when
  // libseccomp does not know `name` there.
  std::string Decide(absl::string_view architecture, const std::string& name,
                     const std::vector<uint64_t>& args) const;

  // The same for a syscall by number.
  std::string DecideNumber(absl::string_view architecture, int number,
                           const std::vector<uint64_t>& args) const;

  size_t size() const { return bpf_.program().size(); }

 private:
  explicit SeccompFilter(ClassicBpf bpf) : bpf_(std::move(bpf)) {}

  ClassicBpf bpf_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SECCOMP_TESTING_SECCOMP_FILTER_H_
