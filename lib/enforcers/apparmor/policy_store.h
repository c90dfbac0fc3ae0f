// Texts and compiled policies on disk, by the digest of everything a compile depends on. Nothing in
// here is ever changed, so there is no state between the old policy and the new one.
#ifndef LIB_ENFORCERS_APPARMOR_POLICY_STORE_H_
#define LIB_ENFORCERS_APPARMOR_POLICY_STORE_H_

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/files.h"

namespace varmor {

// KEY.apparmor and KEY.policy in one directory. Threads may share it, as long as each key has one
// writer.
class PolicyStore {
 public:
  // `calls` must outlive the store. The directory must exist when something is written.
  PolicyStore(std::string directory, FileCalls& calls)
      : directory_(std::move(directory)), calls_(&calls) {}

  // The compiled policy. NOT_FOUND; DATA_LOSS when it is not what was put there.
  absl::StatusOr<std::string> Policy(absl::string_view key) const;

  absl::Status Put(absl::string_view key, absl::string_view text, absl::string_view policy);

  // Removes what no key of `used` names, but for the youngest `keep` policies: somebody may go back
  // to them.
  absl::Status RemoveUnused(const std::set<std::string>& used, size_t keep);

 private:
  std::string PathOf(absl::string_view key, absl::string_view ending) const;

  std::string directory_;
  FileCalls* calls_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_APPARMOR_POLICY_STORE_H_
