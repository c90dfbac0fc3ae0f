// Permissions that lead out of the container: unconfined-exec, broad-allow, dangerous-capability,
// sensitive-write, risky-syscall, profile-does-not-enforce, privileged-without-hardening.
#ifndef LIB_COMPILER_LINT_LINT_RISKY_H_
#define LIB_COMPILER_LINT_LINT_RISKY_H_

#include "lib/compiler/compile.h"
#include "lib/compiler/lint/claim.h"
#include "proto/policy.pb.h"

namespace varmor {

void LintRiskyPermissions(const PolicyObject& policy, const CompileResult& result,
                          const Claims& claims, Diagnostics& findings);

}  // namespace varmor

#endif  // LIB_COMPILER_LINT_LINT_RISKY_H_
