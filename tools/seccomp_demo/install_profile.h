// An OCI seccomp profile on the calling process, as a container runtime would put it there.
#ifndef TOOLS_SECCOMP_DEMO_INSTALL_PROFILE_H_
#define TOOLS_SECCOMP_DEMO_INSTALL_PROFILE_H_

#include "absl/status/status.h"
#include "lib/compiler/ir/seccomp_profile.h"

namespace varmor {

// Loads the filter for the calling thread and what it executes; sets no_new_privs. Syscalls that
// libseccomp does not know are skipped, as runtimes do. FAILED_PRECONDITION when libseccomp or the
// kernel refuses; UNIMPLEMENTED for SCMP_ACT_NOTIFY.
absl::Status InstallProfile(const SeccompProfile& profile);

}  // namespace varmor

#endif  // TOOLS_SECCOMP_DEMO_INSTALL_PROFILE_H_
