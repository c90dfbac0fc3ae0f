// Which profiles this node has known, over restarts: so that a profile which is not there can be
// told apart from one that was never there.
#ifndef RUNTIME_AGENT_SEEN_PROFILES_H_
#define RUNTIME_AGENT_SEEN_PROFILES_H_

#include <set>
#include <string>

#include "absl/status/status.h"

namespace varmor {

class SeenProfiles {
 public:
  // A file of names, one a line. "": kept in memory alone.
  explicit SeenProfiles(std::string path) : path_(std::move(path)) {}

  // Reads the file; none is an empty one. After an error nothing has been seen.
  absl::Status Load();

  bool Has(const std::string& profile) const { return names_.count(profile) > 0; }
  const std::set<std::string>& names() const { return names_; }

  // Writes the file when these are others than before. After an error the next Set tries again.
  absl::Status Set(std::set<std::string> names);

 private:
  const std::string path_;
  std::set<std::string> names_;
  bool written_ = true;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_SEEN_PROFILES_H_
