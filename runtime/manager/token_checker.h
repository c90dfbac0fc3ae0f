// Who stands behind the token of a request: asks the API server, and remembers. Thread-safe.
#ifndef RUNTIME_MANAGER_TOKEN_CHECKER_H_
#define RUNTIME_MANAGER_TOKEN_CHECKER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"

namespace varmor {

struct TokenIdentity {
  // "system:serviceaccount:NAMESPACE:NAME".
  std::string user;
  // Node that the token is bound to (Kubernetes 1.30 and later), else "".
  std::string node;
  // Pod that the token is bound to, else "".
  std::string pod;
};

struct TokenCheckerOptions {
  std::string audience;
  // A token that was fine is asked about again after this time, or when it expires.
  absl::Duration positive_time = absl::Minutes(5);
  absl::Duration negative_time = absl::Seconds(30);
  size_t cache_size = 20000;
  // Questions under way at once.
  int in_flight = 16;
  std::function<absl::Time()> clock = absl::Now;
};

class TokenChecker {
 public:
  // `client` must outlive the checker.
  TokenChecker(TokenCheckerOptions options, KubeClient& client);

  // UNAUTHENTICATED for a token that is none, or not (any more) good for the audience; UNAVAILABLE
  // when the API server cannot be asked now, RESOURCE_EXHAUSTED when too many questions are under
  // way: try again.
  absl::StatusOr<TokenIdentity> Check(absl::string_view token);

 private:
  using Answer = absl::StatusOr<TokenIdentity>;
  struct Entry {
    Answer answer;
    absl::Time until;
  };

  Answer Ask(absl::string_view token);
  void Remember(const std::string& hash, const Answer& answer, absl::Time until)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TokenCheckerOptions options_;
  KubeClient& client_;
  Mutex mutex_;
  // By SHA-256 of the token: no token is kept.
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // The same, by the end of their time.
  std::set<std::pair<absl::Time, std::string>> by_end_ ABSL_GUARDED_BY(mutex_);
  int asking_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Field `exp` of a JSON web token, which is not verified; nothing when it has none.
// INVALID_ARGUMENT for what is not three parts of base64url.
absl::StatusOr<absl::Time> TokenExpiry(absl::string_view token);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_TOKEN_CHECKER_H_
