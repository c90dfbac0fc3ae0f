// The texts that a KubeConfig names, read anew now and then: tokens and certificates are replaced
// under a running process.
#ifndef RUNTIME_KUBE_KUBE_CREDENTIALS_H_
#define RUNTIME_KUBE_KUBE_CREDENTIALS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_config.h"
#include "runtime/kube/mutex.h"

namespace varmor {

struct KubeSecrets {
  std::string ca, client_certificate, client_key, token;
};

class KubeCredentials {
 public:
  // `now` is a clock that does not jump.
  KubeCredentials(KubeConfig config, absl::Duration period, std::function<absl::Time()> now);

  // What the files held at most `period` ago. When one cannot be read, all stays as it was, and
  // problem() says why.
  KubeSecrets Current();

  // Reads everything. An error names the file.
  absl::Status Reload();

  // The server refused them: the next Current() reads.
  void Expire();

  // Why the last reading failed; OK when it did not.
  absl::Status problem();

 private:
  absl::Status ReloadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KubeConfig config_;
  const absl::Duration period_;
  const std::function<absl::Time()> now_;
  Mutex mutex_;
  KubeSecrets secrets_ ABSL_GUARDED_BY(mutex_);
  absl::Time due_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_CREDENTIALS_H_
