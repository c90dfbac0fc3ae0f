// An OCI seccomp profile on the calling process, as a container runtime would put it there.
//
//     absl::StatusOr<SeccompProgram> program = SeccompProgram::Build(artifact);
//     ... fork; in the child, last thing before exec:
//     program->Install(NoNewPrivs::kWhenNeeded);
#ifndef LIB_ENFORCERS_SECCOMP_INSTALL_PROFILE_H_
#define LIB_ENFORCERS_SECCOMP_INSTALL_PROFILE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/compiler/ir/seccomp_profile.h"
#include "lib/enforcers/enforcer.h"
#include "proto/artifact.pb.h"

namespace varmor {

// The kernel takes filters only from those who cannot gain privileges by exec (no_new_privs) or
// have CAP_SYS_ADMIN. Container runtimes set no_new_privs only when the container's configuration
// says so and otherwise install the filter before they drop capabilities. So do we: no_new_privs
// changes what set-user-ID programs and AppArmor transitions do, which is not the filter's
// business.
enum class NoNewPrivs {
  kWhenNeeded,  // only without CAP_SYS_ADMIN
  kAlways,
};

// Whether this kernel takes filters, and the actions it does not know, as limits.
EnforcerSupport ProbeSeccompFilters();

// A filter, built but not yet in force.
class SeccompProgram {
 public:
  // Syscalls that libseccomp does not know are skipped, as runtimes do. FAILED_PRECONDITION when
  // libseccomp refuses an entry, "syscalls[3], \"unshare\": Invalid argument"; UNIMPLEMENTED for
  // SCMP_ACT_NOTIFY, which needs a listener, and for what SECCOMP flags ask beyond TSYNC, LOG and
  // SPEC_ALLOW.
  static absl::StatusOr<SeccompProgram> Build(const SeccompProfile& profile);
  // Reads the artifact's JSON first: INVALID_ARGUMENT with every mistake in it.
  static absl::StatusOr<SeccompProgram> Build(const SeccompArtifact& artifact);

  SeccompProgram(SeccompProgram&&) noexcept;
  SeccompProgram& operator=(SeccompProgram&&) noexcept;
  ~SeccompProgram();

  // On the calling thread and what it executes. FAILED_PRECONDITION when the kernel refuses.
  absl::Status Install(NoNewPrivs no_new_privs) const;

 private:
  explicit SeccompProgram(void* context) : context_(context) {}
  void* context_;  // scmp_filter_ctx
};

// Build and Install, for a process that is about to become another.
absl::Status InstallSeccompProfile(const SeccompProfile& profile,
                                   NoNewPrivs no_new_privs = NoNewPrivs::kWhenNeeded);

}  // namespace varmor

#endif  // LIB_ENFORCERS_SECCOMP_INSTALL_PROFILE_H_
