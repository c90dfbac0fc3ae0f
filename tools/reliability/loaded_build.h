// A build of the programs that is loaded once and put in force many times: under emulation the
// verifier takes most of a start, and every call after it has to fail once.
#ifndef TOOLS_RELIABILITY_LOADED_BUILD_H_
#define TOOLS_RELIABILITY_LOADED_BUILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"

namespace varmor {

// A process inside BpfEnforcer::Start(), just after loading. Finish() lets a copy of it (fork) go
// on to the end. What is pinned has to be the same at each Finish as when this value was made,
// since Start has looked at it already.
class LoadedBuild {
 public:
  explicit LoadedBuild(const BpfEnforcerOptions& options);
  // Ends the process; what it loaded and nothing has pinned goes.
  ~LoadedBuild();
  LoadedBuild(const LoadedBuild&) = delete;
  LoadedBuild& operator=(const LoadedBuild&) = delete;

  // Whether it could be loaded.
  const absl::Status& status() const { return status_; }

  struct Result {
    // Start's.
    absl::Status status;
    // FailingCalls::failed() and, after loading, made().
    std::string failed;
    std::vector<std::string> made;
    // On success.
    std::string version;
    size_t superseded = 0;
  };
  // Call `n` (0 is the first after loading) fails with `error`; all after it too with `all`.
  Result Finish(int n, bool all, int error);
  // Nothing fails.
  Result Finish();

 private:
  struct Page;
  class Calls;
  Result Read() const;

  Page* page_ = nullptr;
  pid_t process_ = 0;
  int commands_ = -1;  // pipe to the process
  int answers_ = -1;   // pipe from it
  absl::Status status_;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_LOADED_BUILD_H_
