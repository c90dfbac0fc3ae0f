// Seccomp profiles as files, where the kubelet and container runtimes look for them.
//
// The kernel knows no profiles by name: a filter belongs to the processes it was installed on. So
// Apply changes what the next container gets, and Remove does not ask who runs under it. To put a
// filter on a process, see install_profile.h.
#ifndef LIB_ENFORCERS_SECCOMP_SECCOMP_ENFORCER_H_
#define LIB_ENFORCERS_SECCOMP_SECCOMP_ENFORCER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/enforcer.h"
#include "lib/enforcers/files.h"

namespace varmor {

struct SeccompOptions {
  // A pod's `localhostProfile: NAME` is the file NAME in here. Made when its parent exists.
  std::string directory = "/var/lib/kubelet/seccomp";
  // Ours alone: which files we wrote. Made when missing.
  std::string state_directory = "/var/lib/varmor/seccomp";
};

struct SeccompFileState {
  enum class Origin {
    kAsWritten,
    kTampered,  // somebody changed or removed what we wrote
    kUnknown,   // we have no record
  };

  bool present = false;
  // SHA-256 of the file, lower-case hexadecimal; "" when there is none.
  std::string digest;
  Origin origin = Origin::kUnknown;
};

class SeccompEnforcer : public Enforcer {
 public:
  explicit SeccompEnforcer(SeccompOptions options);
  // `files` must outlive the enforcer.
  SeccompEnforcer(SeccompOptions options, FileCalls& files);

  absl::string_view name() const override { return "Seccomp"; }

  // Both the kernel and the directory.
  EnforcerSupport Probe() override;

  // The profile is read strictly and given to libseccomp first: INVALID_ARGUMENT names the mistake
  // or the entry that it refuses. A file of that name is replaced, whoever wrote it.
  absl::Status Apply(const ArtifactSet& artifacts) override;

  // Only a file that we wrote and nobody changed since.
  absl::Status Remove(absl::string_view profile) override;

  absl::StatusOr<SeccompFileState> Inspect(absl::string_view profile);

  // The names of profiles that we wrote, sorted.
  absl::StatusOr<std::vector<std::string>> Profiles();

 private:
  SeccompOptions options_;
  FileCalls real_files_;
  FileCalls& files_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_SECCOMP_SECCOMP_ENFORCER_H_
